#include "fetch/network.h"

#include "base/secret.h"
#include "base/text.h"

/* How soon a new list of certificate authorities is noticed. */
#define CA_CACHE_SEC 600L

void network_clear(Network *network) {
        free(network->proxy);
        (void) secret_text_free(network->proxy_login);
        free(network->no_proxy);
        free(network->client_certificate);
        free(network->client_key);
        free(network->problem);
        *network = (Network) {};
}

int network_copy(Network *to, const Network *from) {
        Network copy = {};

        if (from && (string_assign(&copy.proxy, from->proxy) < 0 ||
                            string_assign(&copy.proxy_login, from->proxy_login) < 0 ||
                            string_assign(&copy.no_proxy, from->no_proxy) < 0 ||
                            string_assign(&copy.client_certificate, from->client_certificate) < 0 ||
                            string_assign(&copy.client_key, from->client_key) < 0 ||
                            string_assign(&copy.problem, from->problem) < 0)) {
                network_clear(&copy);
                return -ENOMEM;
        }
        network_clear(to);
        *to = copy;
        return 0;
}

#define SET(option, value)                                                                                  \
        do {                                                                                                \
                if (curl_easy_setopt(easy, (option), (value)) != CURLE_OK)                                  \
                        return -EINVAL;                                                                     \
        } while (false)

static int apply_authorities(CURL *easy, const char *ca_file) {
        if (ca_file) {
                SET(CURLOPT_CAINFO, ca_file);
                SET(CURLOPT_PROXY_CAINFO, ca_file);
        }
        /* A directory of authorities would be read for every connection: milliseconds of the loop and megabytes each time.
         * Those of a file are kept by libcurl and shared, if there is no directory besides. */
        if (ca_file || curl_version_info(CURLVERSION_NOW)->cainfo) {
                SET(CURLOPT_CAPATH, NULL);
                SET(CURLOPT_PROXY_CAPATH, NULL);
        }
        (void) curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_SEC);
        return 0;
}

/* Empty values keep libcurl from asking the environment. */
static int apply_proxy(const Network *network, CURL *easy) {
        SET(CURLOPT_PROXY, strempty(network->proxy));
        SET(CURLOPT_NOPROXY, strempty(network->no_proxy));
        if (!network->proxy_login)
                return 0;
        SET(CURLOPT_PROXYAUTH, (long) CURLAUTH_BASIC);
        SET(CURLOPT_PROXYUSERPWD, network->proxy_login);
        return 0;
}

static int apply_protocol(CURL *easy, bool share) {
        SET(CURLOPT_HTTP_VERSION, share ? (long) CURL_HTTP_VERSION_2TLS : (long) CURL_HTTP_VERSION_1_1);
        /* The first of several waits for what the handshake says instead of making connections for all of them. */
        SET(CURLOPT_PIPEWAIT, share ? 1L : 0L);
        return 0;
}

int network_apply(const Network *network, CURL *easy, const char *ca_file, bool share) {
        int r;

        r = apply_authorities(easy, ca_file);
        if (r >= 0)
                r = apply_proxy(network, easy);
        if (r >= 0)
                r = apply_protocol(easy, share);
        if (r < 0 || !network->client_certificate)
                return r;
        SET(CURLOPT_SSLCERT, network->client_certificate);
        if (network->client_key)
                SET(CURLOPT_SSLKEY, network->client_key);
        return 0;
}

char *network_explain_failure(const Network *network) {
        if (!network->client_certificate || access(network->client_certificate, R_OK) >= 0)
                return NULL;
        return text_format("network.clientCertificate: %s cannot be read: %s", network->client_certificate,
                strerror(errno));
}
