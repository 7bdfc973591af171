#include "manager/network-settings.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "fetch/network.h"

static int join_hosts(char *const *hosts, char **ret) {
        Buffer joined = {};
        int r = 0;

        for (char *const *host = hosts; r >= 0 && host && *host; host++)
                r = buffer_append_format(&joined, "%s%s", joined.size > 0 ? "," : "", *host);
        if (r < 0)
                buffer_clear(&joined);
        else
                *ret = joined.data;
        return r;
}

/* What is wrong is shown to everybody: the name of the credential, nothing of what is in it. */
static int add_problem(Network *network, const char *setting, int error, const char *message) {
        if (error == -ENOMEM)
                return error;
        text_set(&network->problem, "network.%s: %s", setting, strempty(message));
        if (!network->problem)
                return -ENOMEM;
        log_error("%s; nothing is fetched", network->problem);
        return 0;
}

static int read_login(int credentials_fd, const char *name, Network *network) {
        _cleanup_(secret_clear) Secret login = {};
        _cleanup_free_ char *message = NULL;
        int r = secret_read_token(credentials_fd, name, &login, &message);

        if (r >= 0 && !strchr(login.data, ':')) {
                text_set(&message, "the credential '%s' is not of the form user:password", name);
                r = -EBADMSG;
        }
        return r < 0 ? add_problem(network, "proxyCredential", r, message)
                     : string_assign(&network->proxy_login, login.data);
}

static int read_certificate(const char *path, Secret *ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        return fd < 0 ? negative_errno() : fs_read_fd(fd, SECRET_SIZE_MAX, &ret->data, &ret->size);
}

/* libcurl reads both itself, for each handshake, and does not say which setting it was. `key` is empty when it is in the
 * file of the certificate. */
static int check_certificate(const char *path, const Secret *key, Network *network) {
        _cleanup_(secret_clear) Secret certificate = {};
        _cleanup_free_ char *message = NULL;
        gnutls_certificate_credentials_t credentials;
        gnutls_datum_t texts[2];
        int r = read_certificate(path, &certificate);

        if (r < 0) {
                text_set(&message, "%s cannot be read: %s", path, strerror(-r));
                return add_problem(network, "clientCertificate", r, message);
        }
        if (gnutls_certificate_allocate_credentials(&credentials) < 0)
                return -ENOMEM;
        texts[0] = (gnutls_datum_t) { (unsigned char *) certificate.data, (unsigned) certificate.size };
        texts[1] = key->data ? (gnutls_datum_t) { (unsigned char *) key->data, (unsigned) key->size }
                             : texts[0];
        r = gnutls_certificate_set_x509_key_mem2(
                credentials, &texts[0], &texts[1], GNUTLS_X509_FMT_PEM, NULL, 0);
        gnutls_certificate_free_credentials(credentials);
        if (r >= 0)
                return 0;
        if (r == GNUTLS_E_MEMORY_ERROR)
                return -ENOMEM;
        text_set(&message, "%s and its key cannot be used: %s", path, gnutls_strerror(r));
        return add_problem(network, "clientCertificate", -EBADMSG, message);
}

static int read_certificate_settings(int credentials_fd, const Settings *settings, Network *network) {
        const char *name = settings->client_key_credential;
        _cleanup_(secret_clear) Secret key = {};
        _cleanup_free_ char *message = NULL;
        int r;

        r = string_assign(&network->client_certificate, settings->client_certificate);
        if (r < 0)
                return r;
        if (name) {
                r = secret_read(credentials_fd, name, &key, &message);
                if (r < 0)
                        return add_problem(network, "clientKeyCredential", r, message);
                network->client_key =
                        text_format("%s/%s", strempty(secure_getenv("CREDENTIALS_DIRECTORY")), name);
                if (!network->client_key)
                        return -ENOMEM;
        }
        return check_certificate(settings->client_certificate, &key, network);
}

static int read_network(const Settings *settings, Network *network) {
        _cleanup_close_ int credentials_fd = secret_open_directory();
        int r;

        r = string_assign(&network->proxy, settings->proxy);
        if (r >= 0)
                r = join_hosts(settings->no_proxy, &network->no_proxy);
        if (r >= 0 && settings->proxy_credential)
                r = read_login(credentials_fd, settings->proxy_credential, network);
        if (r >= 0 && settings->client_certificate)
                r = read_certificate_settings(credentials_fd, settings, network);
        return r;
}

static FetcherOptions fetcher_options(const Settings *settings, const Network *network) {
        return (FetcherOptions) {
                .parallel = settings->transfers_parallel,
                .parallel_per_host = settings->transfers_parallel_per_host,
                .connect_timeout_usec = settings->connect_timeout_usec,
                .stall_timeout_usec = settings->stall_timeout_usec,
                .rate_max = settings->rate_max,
                .ca_file = settings->ca_file,
                .user_agent = settings->user_agent,
                .network = network,
        };
}

/* A service's environment is seen by everybody, and reloads do not change it: it is not asked. */
static void say_ignored(const Settings *settings) {
        static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy",
                "ALL_PROXY" };

        for (size_t i = 0; i < ELEMENTSOF(names) && !settings->proxy; i++)
                if (!isempty(getenv(names[i]))) {
                        log_warning(
                                "$%s is ignored; network.proxy in opendepot.yaml names a proxy", names[i]);
                        return;
                }
}

int network_settings_start(const Settings *settings, sd_event *event, Fetcher **ret) {
        /* Without credentials: they are read, and what is wrong with them is said, when the settings are applied. */
        FetcherOptions options = fetcher_options(settings, NULL);

        say_ignored(settings);
        return fetcher_new(event, &options, ret);
}

int network_settings_apply(const Settings *settings, Fetcher *fetcher) {
        Network network = {};
        FetcherOptions options = fetcher_options(settings, &network);
        int r;

        r = read_network(settings, &network);
        if (r >= 0)
                r = fetcher_set_options(fetcher, &options);
        network_clear(&network);
        return r;
}
