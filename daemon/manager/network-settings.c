#include "manager/network-settings.h"

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

/* libcurl reads the key itself, for each handshake; here it is only seen to be there. */
static int find_key(int credentials_fd, const char *name, Network *network) {
        _cleanup_(secret_clear) Secret key = {};
        _cleanup_free_ char *message = NULL;
        int r = secret_read(credentials_fd, name, &key, &message);

        if (r < 0)
                return add_problem(network, "clientKeyCredential", r, message);
        network->client_key = text_format("%s/%s", strempty(secure_getenv("CREDENTIALS_DIRECTORY")), name);
        return network->client_key ? 0 : -ENOMEM;
}

static int read_network(const Settings *settings, Network *network) {
        _cleanup_close_ int credentials_fd = secret_open_directory();
        int r;

        r = string_assign(&network->proxy, settings->proxy);
        if (r >= 0)
                r = join_hosts(settings->no_proxy, &network->no_proxy);
        if (r >= 0)
                r = string_assign(&network->client_certificate, settings->client_certificate);
        if (r >= 0 && settings->proxy_credential)
                r = read_login(credentials_fd, settings->proxy_credential, network);
        if (r >= 0 && settings->client_key_credential)
                r = find_key(credentials_fd, settings->client_key_credential, network);
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
