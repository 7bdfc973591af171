#include "config-files.h"

static void check_settings(const char *text, const char *expected) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *problems = NULL;

        write_text("set/opendepot.yaml", text);
        config = load("set", NULL);
        problems = describe_problems(config);
        check_string(strempty(problems), expected);
        check_int(config->settings != NULL, isempty(expected));
}

static void test_github(void) {
        _cleanup_(config_freep) Config *config = NULL;
        const GithubUpstream *upstream;

        write_text("set/opendepot.yaml",
                "upstream:\n"
                "  github:\n"
                "    tokenCredential: github\n"
                "    budgetReserve: 25\n"
                "    namespaces:\n"
                "      - {namespace: one, app: {id: 123456, privateKeyCredential: key, installationId: "
                "42}}\n"
                "      - {namespace: two, apiUrl: \"https://ghe.example.com/api/v3\", webUrl: "
                "\"https://ghe.example.com\"}\n");
        config = load("set", NULL);
        check_config(config, "");
        check_int(config->settings->github.budget_reserve, 25);
        upstream = github_settings_find(&config->settings->github, "three");
        check_string(upstream->token_credential, "github");
        check(!upstream->app_id && github_upstream_has_credentials(upstream));
        upstream = github_settings_find(&config->settings->github, "one");
        check_string(upstream->app_id, "123456");
        check_string(upstream->app_key_credential, "key");
        check_int(upstream->app_installation_id, 42);
        check_string(upstream->api_url, "https://api.github.com");
        check(!upstream->token_credential);
        upstream = github_settings_find(&config->settings->github, "two");
        check_string(upstream->web_url, "https://ghe.example.com");
        check(!github_upstream_has_credentials(upstream));

        check_settings("upstream: {github: {tokenCredential: a/b}}\n",
                "set/opendepot.yaml:1:38: 'tokenCredential' must be the name of a systemd credential, not "
                "'a/b'\n");
        check_settings("upstream: {github: {token: x}}\n", "set/opendepot.yaml:1:21: unknown key 'token'\n");
        check_settings("upstream: {github: {tokenCredential: a, app: {id: 1, privateKeyCredential: b}}}\n",
                "set/opendepot.yaml:1:20: only one of 'tokenCredential' and 'app' can be used\n");
        check_settings("upstream: {github: {app: {id: 1.5}}}\n",
                "set/opendepot.yaml:1:26: 'app' lacks the key 'privateKeyCredential'\n"
                "set/opendepot.yaml:1:31: 'id' must be the ID or client ID of a GitHub App, not '1.5'\n");
        check_settings("upstream: {github: {tokenCredential: a, apiUrl: \"http://x\"}}\n",
                "set/opendepot.yaml:1:20: credentials are sent to an https:// address only, not to "
                "http://x\n");
        check_settings("upstream: {github: {namespaces: [{namespace: a}, {namespace: a}]}}\n",
                "set/opendepot.yaml:1:50: the namespace 'a' is in the list already\n");
        check_settings("upstream: {github: {namespaces: [{namespace: a, apiUrl: \"https://x\"}]}}\n",
                "set/opendepot.yaml:1:34: 'apiUrl' and 'webUrl' must be given together\n");
}

static void test_settings(void) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_(settings_freep) Settings *defaults = NULL;
        Settings *s;

        check_int(settings_new(&defaults), 0);
        check_string(defaults->github.common.api_url, "https://api.github.com");
        check_string(defaults->github.common.web_url, "https://github.com");
        check_string(defaults->hashicorp_api_url, "https://api.releases.hashicorp.com");
        check_string(defaults->hashicorp_releases_url, "https://releases.hashicorp.com");
        check_string(defaults->digest, "");
        check_int(defaults->connect_timeout_usec, 30 * USEC_PER_SEC);
        check_int(defaults->artifact_size_max, 4 * GIB);
        check_int(defaults->recheck_interval_usec, 7 * USEC_PER_DAY);
        check_int(defaults->recheck_per_hour, 120);
        check_int(strings_length(defaults->provider_hostnames), 2);
        check_int(defaults->n_keys, 1);
        check_string(defaults->keys[0].provider_namespace, "hashicorp");
        check_string(defaults->keys[0].fingerprint, "C874011F0AB405110D02105534365D9472D7468F");
        check_string(defaults->keys[0].url, "https://www.hashicorp.com/.well-known/pgp-key.txt");
        check(defaults->allow_expired_keys && !defaults->allow_weak_hashes);
        check(!defaults->trust_on_first_use && defaults->require_signature);
        check(defaults->workers_parallel >= 1);
        check(!scan_policy_wants(&defaults->scanning, PACKAGE_MODULE) &&
                !scan_policy_wants(&defaults->scanning, PACKAGE_PROVIDER));
        check(!defaults->policy.has_minimum_release_age && !defaults->policy.prereleases &&
                !defaults->policy.withdrawn);

        empty_directory();
        write_text("set/opendepot.yaml",
                "upstream:\n"
                "  github: {apiUrl: \"https://ghe.example.com/api/v3/\", webUrl: \"http://[::1]:8080\"}\n"
                "  hashicorp: {apiUrl: http://localhost:1/a/, releasesUrl: HTTPS}\n");
        config = load("set", NULL);
        check_config(config, "set/opendepot.yaml:3:59: 'releasesUrl' must be an http:// or https:// address "
                             "without user, query and fragment, not 'HTTPS'\n");
        check(!config->settings);
        config = config_free(config);

        write_text("set/opendepot.yaml",
                "upstream:\n"
                "  github: {apiUrl: \"https://ghe.example.com/api/v3/\", webUrl: \"http://[::1]:8080\"}\n"
                "  hashicorp: {apiUrl: http://localhost:1/a//, releasesUrl: null}\n"
                "network: {caFile: /etc/ca.pem, userAgent: Mirror/1, connectTimeout: 5s, stallTimeout: "
                "1m30s}\n"
                "transfers: {parallel: 64, parallelPerHost: 1, maxArtifactSize: 2G, maxDocumentSize: "
                "65536}\n"
                "workers: {parallel: 3, timeout: 1h}\n"
                "modules: {maxEntries: 10, maxUnpackedSize: 512M, maxRatio: 1}\n"
                "recheck: {interval: 1d12h, perHour: 100000}\n"
                "store: {directoryPath: /srv/store/}\n"
                "providerHostnames: [registry.example.com, \"localhost:8443\"]\n"
                "keys:\n"
                "  - {namespace: Other, fingerprint: c874011f0ab405110d02105534365d9472d7468f, file: "
                "/etc/k.asc}\n"
                "  - {namespace: other, fingerprint: c874011f0ab405110d02105534365d9472d7468f, url: "
                "\"https://k.example.com/get?x=1&y=2\"}\n"
                "allowExpiredKeys: false\n"
                "allowWeakHashes: true\n"
                "trustOnFirstUse: true\n"
                "requireSignature: false\n"
                "policy: {minimumReleaseAge: 1d12h, prereleases: false, withdrawn: hide}\n"
                "scanning:\n"
                "  modules: false\n"
                "  blockOnHigh: true\n"
                "  ignoreUnfixed: false\n"
                "  onScannerError: allow\n"
                "  nonBlockingPaths: [\"examples/*\", \"docs/*\"]\n"
                "  waivers:\n"
                "    - {id: CVE-1, package: hashicorp/aws, until: \"2026-12-31\", reason: not reachable}\n"
                "    - {id: CVE-2, component: stdlib, until: \"2026-12-31T12:00:00Z\", reason: x}\n"
                "    - {id: CVE-3, reason: x}\n");
        config = load("set", NULL);
        check_config(config, "");
        s = config->settings;
        check_int(strlen(s->digest), 64);
        check_string(s->github.common.api_url, "https://ghe.example.com/api/v3");
        check_string(s->github.common.web_url, "http://[::1]:8080");
        check_string(s->hashicorp_api_url, "http://localhost:1/a");
        check_string(s->hashicorp_releases_url, "https://releases.hashicorp.com");
        check_string(s->ca_file, "/etc/ca.pem");
        check_string(s->user_agent, "Mirror/1");
        check_int(s->connect_timeout_usec, 5 * USEC_PER_SEC);
        check_int(s->stall_timeout_usec, 90 * USEC_PER_SEC);
        check_int(s->transfers_parallel, 64);
        check_int(s->transfers_parallel_per_host, 1);
        check_int(s->artifact_size_max, 2 * GIB);
        check_int(s->document_size_max, 65536);
        check_int(s->workers_parallel, 3);
        check_int(s->worker_timeout_usec, 60 * USEC_PER_MINUTE);
        check_int(s->module_entries_max, 10);
        check_int(s->module_unpacked_size_max, 512 * MIB);
        check_int(s->module_ratio_max, 1);
        check_int(s->recheck_interval_usec, USEC_PER_DAY + USEC_PER_DAY / 2);
        check_int(s->recheck_per_hour, 100000);
        check_string(s->store_directory, "/srv/store");
        check_int(strings_length(s->provider_hostnames), 2);
        check_string(s->provider_hostnames[1], "localhost:8443");
        check_int(s->n_keys, 3);
        check_string(s->keys[0].fingerprint, "C874011F0AB405110D02105534365D9472D7468F");
        check_string(s->keys[0].file, "/etc/k.asc");
        check_string(s->keys[1].url, "https://k.example.com/get?x=1&y=2");
        check_string(s->keys[2].provider_namespace, "hashicorp");
        check(!s->allow_expired_keys && s->allow_weak_hashes);
        check(s->trust_on_first_use && !s->require_signature);
        check(s->policy.has_minimum_release_age);
        check_int(s->policy.minimum_release_age_usec, USEC_PER_DAY + USEC_PER_DAY / 2);
        check_int(s->policy.prereleases, PRERELEASES_NEVER);
        check_int(s->policy.withdrawn, WITHDRAWN_HIDE);
        check_int(s->scanning.modules, CHOICE_NO);
        check_int(s->scanning.providers, CHOICE_UNSAID);
        check_int(s->scanning.block_on_critical, CHOICE_UNSAID);
        check_int(s->scanning.block_on_high, CHOICE_YES);
        check_int(s->scanning.ignore_unfixed, CHOICE_NO);
        check_int(s->scanning.on_scanner_error, SCANNER_ERROR_ALLOW);
        check(s->scanning.has_paths);
        check_string(s->scanning.non_blocking_paths[1], "docs/*");
        check_int(s->scanning.n_waivers, 3);
        check_string(s->scanning.waivers[0].package, "hashicorp/aws");
        check_string(s->scanning.waivers[0].reason, "not reachable");
        check_int(s->scanning.waivers[0].until_usec, 1798761600 * USEC_PER_SEC); /* 2027-01-01 */
        check_string(s->scanning.waivers[1].component, "stdlib");
        check_int(s->scanning.waivers[1].until_usec, (1798761600 - 43200) * USEC_PER_SEC);
        check_int(s->scanning.waivers[2].until_usec, UINT64_MAX);
        config = config_free(config);

        write_text("set/opendepot.yaml", "keys: [{namespace: hashicorp, fingerprint: "
                                         "91A6E7F85D05C65630BEF18951852D87348FFC4C, file: /k}]\n");
        config = load("set", NULL);
        check_config(config, "");
        check_int(config->settings->n_keys, 1);
        check_string(config->settings->keys[0].file, "/k");
}

static void test_settings_problems(void) {
        check_settings("", "");
        check_settings("# nothing\n", "");
        check_settings("- a\n", "set/opendepot.yaml:1:1: the document must be a mapping, not a list\n");
        check_settings("transfer: {}\nnetwork: {caFile: ca.pem, proxies: x}\n",
                "set/opendepot.yaml:1:1: unknown key 'transfer', did you mean 'transfers'?\n"
                "set/opendepot.yaml:2:19: 'caFile' must be an absolute path without '.' and '..', not "
                "'ca.pem'\n"
                "set/opendepot.yaml:2:27: unknown key 'proxies', did you mean 'proxy'?\n");
        check_settings(
                "transfers: {parallel: 0, parallelPerHost: 65, maxArtifactSize: 1K, maxDocumentSize: 4T}\n",
                "set/opendepot.yaml:1:23: 'parallel' must be between 1 and 64, not '0'\n"
                "set/opendepot.yaml:1:43: 'parallelPerHost' must be between 1 and 64, not '65'\n"
                "set/opendepot.yaml:1:64: 'maxArtifactSize' must be between 1M and 1024G, not '1K'\n"
                "set/opendepot.yaml:1:85: 'maxDocumentSize' must be a size such as 512K, 32M or 4G, not "
                "'4T'\n");
        check_settings("scanning: {modules: true, enabled: false, onScannerError: drop, blockOnHigh: 1}\n",
                "set/opendepot.yaml:1:27: unknown key 'enabled'\n"
                "set/opendepot.yaml:1:59: 'onScannerError' must be 'hold' or 'allow', not 'drop'\n"
                "set/opendepot.yaml:1:78: 'blockOnHigh' must be true or false, not a number\n");
        check_settings("scanner: {path: trivy, maxMemory: 1M, database: {repositories: [x], maxAge: 1s}}\n",
                "set/opendepot.yaml:1:17: 'path' must be an absolute path without '.' and '..', not "
                "'trivy'\n"
                "set/opendepot.yaml:1:35: 'maxMemory' must be between 256M and 1024G, not '1M'\n"
                "set/opendepot.yaml:1:65: 'repositories' must be an OCI reference such as "
                "registry.example/trivy-db:2, "
                "not 'x'\n"
                "set/opendepot.yaml:1:77: 'maxAge' must be between 1h and 3650d, not '1s'\n");
        check_settings("scanning: {waivers: [{id: CVE-1}, {id: \"a \", until: tomorrow, reason: \"\"}]}\n",
                "set/opendepot.yaml:1:22: an element of 'waivers' lacks the key 'reason'\n"
                "set/opendepot.yaml:1:40: 'id' must be one line of printable text without spaces around it, "
                "of "
                "up to 512 bytes, not 'a '\n"
                "set/opendepot.yaml:1:53: 'until' must be a day such as 2026-12-31 or a time such as "
                "2026-12-31T12:00:00Z, not 'tomorrow'\n"
                "set/opendepot.yaml:1:71: 'reason' must not be empty\n");
        check_settings("policy: {minimumReleaseAge: 367d, prereleases: maybe, withdrawn: drop}\n",
                "set/opendepot.yaml:1:29: 'minimumReleaseAge' must be between 0 and 366d, not '367d'\n"
                "set/opendepot.yaml:1:48: 'prereleases' must be true or false, not text\n"
                "set/opendepot.yaml:1:66: 'withdrawn' must be 'keep' or 'hide', not 'drop'\n");
        check_settings("recheck: {interval: 0s, perHour: 1}\n", "");
        check_settings("recheck: {interval: 367d, perHour: 0, every: 1d}\n",
                "set/opendepot.yaml:1:21: 'interval' must be between 0 and 366d, not '367d'\n"
                "set/opendepot.yaml:1:36: 'perHour' must be between 1 and 100000, not '0'\n"
                "set/opendepot.yaml:1:39: unknown key 'every'\n");
        check_settings("recheck: {interval: weekly, perHour: 100001}\n",
                "set/opendepot.yaml:1:21: 'interval' must be a duration such as 30s, 15m or 1h, not "
                "'weekly'\n"
                "set/opendepot.yaml:1:38: 'perHour' must be between 1 and 100000, not '100001'\n");
        check_settings("recheck: 7d\n", "set/opendepot.yaml:1:10: 'recheck' must be a mapping, not text\n");
        check_settings("transfers: {maxArtifactSize: 99999999999999999999G}\n",
                "set/opendepot.yaml:1:30: 'maxArtifactSize' must be a size such as 512K, 32M or 4G, not "
                "'99999999999999999999G'\n");
        check_settings("transfers: {maxArtifactSize: 18446744073709551615G}\n",
                "set/opendepot.yaml:1:30: 'maxArtifactSize' must be a size such as 512K, 32M or 4G, not "
                "'18446744073709551615G'\n");
        check_settings("workers: {parallel: 4294967297, timeout: 25h}\n",
                "set/opendepot.yaml:1:21: 'parallel' must be between 1 and 256, not '4294967297'\n"
                "set/opendepot.yaml:1:42: 'timeout' must be between 1s and 1d, not '25h'\n");
        check_settings("upstream: {github: {apiUrl: \"https://token@ghe/\", webUrl: \"https://ghe/?a\"}, "
                       "hashicorp: {apiUrl: \"https://\", releasesUrl: \"https://a:b/\"}}\n",
                "set/opendepot.yaml:1:29: 'apiUrl' must not hold a user or password\n"
                "set/opendepot.yaml:1:59: 'webUrl' must be an http:// or https:// address without user, "
                "query and fragment, not 'https://ghe/?a'\n"
                "set/opendepot.yaml:1:98: 'apiUrl' must be an http:// or https:// address without user, "
                "query and fragment, not 'https://'\n"
                "set/opendepot.yaml:1:123: 'releasesUrl' must be an http:// or https:// address without "
                "user, query and fragment, not 'https://a:b/'\n");
        check_settings("network: {userAgent: \"a\\nb\"}\n",
                "set/opendepot.yaml:1:22: 'userAgent' must be printable ASCII text of at most 200 "
                "characters, not 'a?b'\n");
        check_settings("providerHostnames: []\n",
                "set/opendepot.yaml:1:20: 'providerHostnames' must have 1 to 16 elements, not 0\n");
        check_settings("providerHostnames: [Registry.terraform.io, a/b]\n",
                "set/opendepot.yaml:1:21: 'providerHostnames' must be a host name in lower case, with :port "
                "if it has one, not 'Registry.terraform.io'\n"
                "set/opendepot.yaml:1:44: 'providerHostnames' must be a host name in lower case, with :port "
                "if it has one, not 'a/b'\n");
        check_settings(
                "keys: [{namespace: a, fingerprint: \"1234\", url: \"https://x\"}, {namespace: a}, x,\n"
                "  {namespace: a, fingerprint: C874011F0AB405110D02105534365D9472D7468F},\n"
                "  {namespace: a, fingerprint: C874011F0AB405110D02105534365D9472D7468F, url: "
                "\"https://x\", file: /x}]\n",
                "set/opendepot.yaml:1:36: 'fingerprint' must be the fingerprint of a primary key, 40 or 64 "
                "hexadecimal digits, not '1234'\n"
                "set/opendepot.yaml:1:63: a key needs exactly one of 'url' and 'file'\n"
                "set/opendepot.yaml:1:79: an element of 'keys' must be a mapping, not text\n"
                "set/opendepot.yaml:2:3: a key needs exactly one of 'url' and 'file'\n"
                "set/opendepot.yaml:3:3: a key needs exactly one of 'url' and 'file'\n");
        check_settings(
                "keys: &k [{namespace: a, fingerprint: C874011F0AB405110D02105534365D9472D7468F, file: "
                "/x},\n"
                "  {namespace: A, fingerprint: c874011f0ab405110d02105534365d9472d7468f, file: /x}]\n",
                "set/opendepot.yaml:2:3: this key is in the list already\n");
        check_settings("store: {}\n---\nstore: {}\n",
                "set/opendepot.yaml:3:1: settings are one document, not several\n");
        check_settings("store: {\n",
                "set/opendepot.yaml:2:1: while parsing a flow node: did not find expected node content\n");
}

static void test_network(void) {
        _cleanup_(config_freep) Config *config = NULL;
        Settings *s;

        empty_directory();
        write_text("set/opendepot.yaml",
                "network: {proxy: \"http://proxy.example.com:3128/\", proxyCredential: proxy-login, "
                "noProxy: "
                "[.example.com, 10.0.0.0/8, \"fd00::/8\", \"*\"],\n"
                "  clientCertificate: /etc/client.pem, clientKeyCredential: client-key, maxRate: 10M}\n");
        config = load("set", NULL);
        check_config(config, "");
        s = config->settings;
        check_string(s->proxy, "http://proxy.example.com:3128");
        check_string(s->proxy_credential, "proxy-login");
        check_int(strings_length(s->no_proxy), 4);
        check_string(s->no_proxy[2], "fd00::/8");
        check_string(s->client_certificate, "/etc/client.pem");
        check_string(s->client_key_credential, "client-key");
        check_int(s->rate_max, 10 * MIB);

        /* What could be a secret is not repeated. */
        check_settings("network: {proxy: \"http://user:secret@proxy:3128\"}\n",
                "set/opendepot.yaml:1:18: 'proxy' must not hold a user or password\n");
        check_settings("network: {proxy: \"socks5://proxy:1080\"}\n",
                "set/opendepot.yaml:1:18: 'proxy' must be an http:// or https:// address without user, "
                "query "
                "and fragment, not 'socks5://proxy:1080'\n");
        check_settings("network: {proxy: \"http://proxy/path\"}\n",
                "set/opendepot.yaml:1:18: 'proxy' must be http:// or https:// with a host and a port, not "
                "'http://proxy/path'\n");
        check_settings("network: {proxyCredential: a}\n",
                "set/opendepot.yaml:1:10: 'proxyCredential' is of no use without 'proxy'\n");
        check_settings("network: {clientKeyCredential: a}\n",
                "set/opendepot.yaml:1:10: 'clientKeyCredential' is of no use without 'clientCertificate'\n");
        check_settings("network: {proxyCredential: a/b, clientCertificate: c.pem, noProxy: [\"a,b\", \"\"], "
                       "maxRate: 1K}\n",
                "set/opendepot.yaml:1:28: 'proxyCredential' must be the name of a credential: letters, "
                "digits, '-', '_', '.' and '+', not 'a/b'\n"
                "set/opendepot.yaml:1:52: 'clientCertificate' must be an absolute path without '.' and "
                "'..', "
                "not 'c.pem'\n"
                "set/opendepot.yaml:1:69: 'noProxy' must be a host, a domain, an address, a network such as "
                "10.0.0.0/8, or '*', not 'a,b'\n"
                "set/opendepot.yaml:1:76: 'noProxy' must be a host, a domain, an address, a network such as "
                "10.0.0.0/8, or '*', not ''\n"
                "set/opendepot.yaml:1:90: 'maxRate' must be between 64K and 1024G, not '1K'\n");
}

static void check_url(const RegistrySettings *registry, const char *host, const char *expected) {
        _cleanup_free_ char *url = registry_settings_url(registry, host);

        check_string(url, expected);
}

static void test_registries(void) {
        _cleanup_(config_freep) Config *config = NULL;
        const RegistrySettings *registry;

        write_text("set/opendepot.yaml",
                "upstream:\n"
                "  defaultRegistry: registry.opentofu.org\n"
                "  registries:\n"
                "    - {host: registry.terraform.io, url: \"https://proxy.example/registry/\"}\n"
                "    - {host: \"depot.acme.example:8443\", tokenCredential: acme}\n"
                "keys: [{namespace: \"depot.acme.example:8443/Acme\", file: /k}]\n");
        config = load("set", NULL);
        check_config(config, "");
        registry = &config->settings->registry;
        check_string(registry->default_host, "registry.opentofu.org");
        check_int(registry->n_registries, 2);
        check_string(registry->registries[1].token_credential, "acme");
        check_url(registry, "registry.terraform.io", "https://proxy.example/registry");
        check_url(registry, "depot.acme.example:8443", "https://depot.acme.example:8443");
        check_url(registry, "registry.opentofu.org", "https://registry.opentofu.org");
        check_string(config->settings->keys[0].provider_namespace, "depot.acme.example:8443/Acme");

        check_settings("upstream: {registries: [{host: a.example}]}\n",
                "set/opendepot.yaml:1:25: a registry needs 'url', 'tokenCredential' or both\n");
        check_settings("upstream: {registries: [{host: A.example, tokenCredential: t}]}\n",
                "set/opendepot.yaml:1:32: 'host' must be a host name in lower case, with :port if it has "
                "one, "
                "not 'A.example'\n");
        check_settings(
                "upstream: {registries: [{host: a.example, url: \"http://a\", tokenCredential: t}]}\n",
                "set/opendepot.yaml:1:25: credentials are sent to an https:// address only, not to "
                "http://a\n");
        check_settings("upstream: {registries: [{host: a.example, tokenCredential: t}, "
                       "{host: a.example, tokenCredential: u}]}\n",
                "set/opendepot.yaml:1:64: the host 'a.example' is in the list already\n");
        check_settings("upstream: {registries: [{host: a.example, token: t}]}\n",
                "set/opendepot.yaml:1:43: unknown key 'token'\n");
        check_settings("keys: [{namespace: a/b/c, file: /k}]\n",
                "set/opendepot.yaml:1:20: 'namespace' must be a provider namespace, after HOST/ when a "
                "registry "
                "of its own has it, not 'a/b/c'\n");
}

int main(void) {
        directory_make();
        test_settings();
        test_github();
        test_network();
        test_registries();
        test_settings_problems();
        directory_remove();
        return EXIT_SUCCESS;
}
