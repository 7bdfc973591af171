#include "scan/scanner.h"

static const char *const flag_table[_SCANNER_FLAG_MAX] = {
        [SCANNER_OFFLINE] = "--offline-scan",
        [SCANNER_NO_JAVA_DATABASE] = "--skip-java-db-update",
        [SCANNER_NO_CHECK_UPDATE] = "--skip-check-update",
        [SCANNER_NO_POLICY_UPDATE] = "--skip-policy-update",
        [SCANNER_NO_VERSION_CHECK] = "--skip-version-check",
        [SCANNER_NO_TELEMETRY] = "--disable-telemetry",
        [SCANNER_NO_PROGRESS] = "--no-progress",
        [SCANNER_ALL_PACKAGES] = "--list-all-pkgs",
};

/* Those that are always given. */
static const char *const required_flags[] = {
        "--scanners",
        "--format",
        "--cache-dir",
        "--skip-db-update",
        "--timeout",
        "--quiet",
};

#define VERSION_CHARACTERS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-+"

bool scanner_version_is_valid(const char *version) {
        size_t length = strspn(version, VERSION_CHARACTERS);

        return length > 0 && length < SCANNER_VERSION_SIZE && version[length] == '\0';
}

int scanner_parse_version(const char *text, char ret_version[static SCANNER_VERSION_SIZE]) {
        const char *version = startswith(text, "Version: ");
        size_t length;

        if (!version)
                return -EBADMSG;
        length = strspn(version, VERSION_CHARACTERS);
        if (length == 0 || length >= SCANNER_VERSION_SIZE ||
                (version[length] != '\n' && version[length] != '\0'))
                return -EBADMSG;
        memcpy(ret_version, version, length);
        ret_version[length] = '\0';
        return 0;
}

/* The flag as a word. */
static bool has_flag(const char *text, const char *flag) {
        size_t length = strlen(flag);

        for (const char *at = text; (at = strstr(at, flag)); at += length)
                if ((at == text || strchr(" \t\n,", at[-1])) && strchr(" \t\r\n,=[", at[length]))
                        return true;
        return false;
}

int scanner_parse_help(const char *text, unsigned *ret_flags, const char **ret_missing) {
        unsigned flags = 0;

        for (size_t i = 0; i < ELEMENTSOF(required_flags); i++)
                if (!has_flag(text, required_flags[i])) {
                        *ret_missing = required_flags[i];
                        return -EOPNOTSUPP;
                }
        for (ScannerFlag flag = 0; flag < _SCANNER_FLAG_MAX; flag++)
                if (has_flag(text, flag_table[flag]))
                        flags |= SCANNER_FLAG_BIT(flag);
        *ret_flags = flags;
        return 0;
}

/* Only what is about the database is needed for one kind and not for the other. */
#define FLAGS_OF_MODULES                                                                                    \
        (SCANNER_FLAG_BIT(SCANNER_NO_CHECK_UPDATE) | SCANNER_FLAG_BIT(SCANNER_NO_POLICY_UPDATE))
#define FLAGS_OF_DATABASE SCANNER_FLAG_BIT(SCANNER_NO_JAVA_DATABASE)

static void make_arguments(const char *command, const char *scanners, unsigned flags, const char *cache,
        const char *target, const char *ret_arguments[static SCANNER_ARGUMENTS_MAX]) {
        size_t n = 0;

        ret_arguments[n++] = command;
        ret_arguments[n++] = "--scanners";
        ret_arguments[n++] = scanners;
        ret_arguments[n++] = "--format";
        ret_arguments[n++] = "json";
        ret_arguments[n++] = "--quiet";
        ret_arguments[n++] = "--cache-dir";
        ret_arguments[n++] = cache;
        /* The clock is the daemon's. */
        ret_arguments[n++] = "--timeout";
        ret_arguments[n++] = "24h";
        if (streq(scanners, "vuln"))
                ret_arguments[n++] = "--skip-db-update";
        for (ScannerFlag flag = 0; flag < _SCANNER_FLAG_MAX; flag++)
                if (flags & SCANNER_FLAG_BIT(flag))
                        ret_arguments[n++] = flag_table[flag];
        ret_arguments[n++] = target;
        ret_arguments[n] = NULL;
}

void scanner_arguments(ScanSubject subject, unsigned flags, const char *cache, const char *target,
        const char *ret_arguments[static SCANNER_ARGUMENTS_MAX]) {
        if (subject == SCAN_MODULE)
                make_arguments("fs", "misconfig",
                        flags & ~(FLAGS_OF_DATABASE | SCANNER_FLAG_BIT(SCANNER_ALL_PACKAGES)), cache, target,
                        ret_arguments);
        else
                make_arguments(subject == SCAN_BINARY ? "rootfs" : "fs", "vuln", flags & ~FLAGS_OF_MODULES,
                        cache, target, ret_arguments);
}

void scanner_sbom_arguments(unsigned flags, const char *cache, const char *target,
        const char *ret_arguments[static SCANNER_ARGUMENTS_MAX]) {
        make_arguments("sbom", "vuln", flags & ~(FLAGS_OF_MODULES | SCANNER_FLAG_BIT(SCANNER_ALL_PACKAGES)),
                cache, target, ret_arguments);
}
