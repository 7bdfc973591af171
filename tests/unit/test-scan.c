/* Scans with programs that do everything wrong in the scanner's place. */
#include "scanning.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "scan/sbom.h"

#define FILE_NAME "terraform-provider-x_v1.0.0"

static sd_event *event;
static int dirfd_;

/* A program that is run in the scanner's place; to be freed. */
static char *program_of(const char *interpreter, const char *body) {
        static unsigned n;
        char *path = text_format("%s/scanner-%u", scratch_path, n++);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

        check(fd >= 0 && dprintf(fd, "#!%s\n%s\n", interpreter, body) > 0);
        close_fd(fd);
        return path;
}

static int provider(void) {
        ZipBuilder zip = {};

        zip_add(&zip, (ZipItem) { .name = "LICENSE.txt", .data = "l" });
        zip_add(&zip, (ZipItem) { .name = FILE_NAME, .data = "an executable", .mode = 0100644 });
        return zip_finish(&zip, false);
}

static int module(const char *content) {
        Buffer tar = {};

        tar_file(&tar, "main.tf", content);
        tar_file(&tar, "dev/a.tf", "# tfsec:ignore:*");
        return tar_finish(&tar);
}

/* A scanner's database that says when it was made. */
static char *database(void) {
        static bool made;
        char *path = text_format("%s/database", scratch_path);

        if (!made) {
                _cleanup_close_ int fd = fs_open_directory(dirfd_, "database/db", true);

                check(fd >= 0);
                scratch_write(
                        fd, "metadata.json", "{\"Version\": 2, \"UpdatedAt\": \"2026-11-01T00:00:00Z\"}");
                scratch_write(fd, "trivy.db", "database");
                made = true;
        }
        return path;
}

static char *repeat_text(const char *start, const char *text, size_t n, const char *end) {
        Buffer buffer = {};

        put(&buffer, start, strlen(start));
        for (size_t i = 0; i < n; i++)
                put(&buffer, text, strlen(text));
        put(&buffer, end, strlen(end));
        return buffer.data;
}

static Scanned run(const char *interpreter, const char *body, ScanSubject subject) {
        _cleanup_free_ char *program = program_of(interpreter, body), *db = database();

        return scan_once(event, program, WORKER_SCAN, subject,
                subject == SCAN_BINARY ? provider() : module("resource {} # trivy:ignore:A\n"),
                subject == SCAN_BINARY ? db : NULL, SCANNER_FLAG_BIT(SCANNER_OFFLINE));
}

#define PACKAGES "\"Packages\": [{\"ID\": \"stdlib@v1\", \"Name\": \"stdlib\", \"Version\": \"v1\"}]"
#define GOOD                                                                                                \
        "{\"SchemaVersion\": 2, \"Results\": [{\"Target\": \"" FILE_NAME                                    \
        "\", \"Type\": \"gobinary\", " PACKAGES ", \"Vulnerabilities\": [{\"VulnerabilityID\": \"CVE-1\", " \
        "\"PkgName\": \"stdlib\", \"Severity\": \"HIGH\", \"FixedVersion\": \"v2\"}]}]}"

static void test_binary(void) {
        Scanned scanned = run("/bin/sh",
                "set -e; test \"$*\" = 'rootfs --scanners vuln --format json --quiet --cache-dir "
                "/proc/self/fd/4 "
                "--timeout 24h --skip-db-update --offline-scan ../input'\n"
                "test -z \"$(ls -A)\"\n" /* an empty directory */
                "test \"$(ls -A ../input)\" = " FILE_NAME "; test -x ../input/" FILE_NAME "\n"
                "test \"$(cat ../input/" FILE_NAME ")\" = 'an executable'\n"
                "test \"$(cat /proc/self/fd/4/db/trivy.db)\" = database\n"
                "echo x >\"$HOME/y\"; echo x >\"$TMPDIR/y\"\n"
                /* what a shell sets itself, and nothing else */
                "test \"$(env | cut -d= -f1 | grep -vx -e PWD -e OLDPWD -e _ -e SHLVL | sort | tr '\\n' ' "
                "')\" = "
                "'HOME TMPDIR '\n"
                "echo a warning >&2\n"
                "echo '" GOOD "'",
                SCAN_BINARY);
        Findings findings;

        check_string(scanned.message, NULL);
        check_int(scanned.result, WORKER_OK);
        check_int(scanned.summary.counts[SEVERITY_HIGH], 1);
        check_string(scanned.summary.severe[0].id, "CVE-1");
        check_string(scanned.summary.origin.scanner, "0.0.1");
        check_int(scanned.summary.origin.database_usec, 1793491200 * USEC_PER_SEC);
        check(scanned.summary.origin.scanned_usec > 0);
        check_int(findings_parse(scanned.findings, strlen(scanned.findings), &findings, NULL), 0);
        check_int(findings.n_findings, 1);
        findings_clear(&findings);
        check_string(scanned.raw, GOOD "\n");
        check(strstr(scanned.sbom, "\"bom-ref\":\"1/stdlib@v1\""));
        scanned_clear(&scanned);
}

/* The scanner sees a module without the comments that would silence it; who had written them is told. */
static void test_module(void) {
        Scanned scanned = run("/bin/sh",
                "set -e; test \"$1\" = fs; test \"$3\" = misconfig\n"
                "grep -qx 'resource {} # trivy: ignore:A' ../input/module/main.tf\n"
                "grep -qx '# tfsec: ignore:\\*' ../input/module/dev/a.tf\n"
                "echo '{\"SchemaVersion\": 2, \"Results\": [{\"Target\": \"module/main.tf\", \"Type\": "
                "\"terraform\","
                " \"MisconfSummary\": {\"Failures\": 1}, \"Misconfigurations\": [{\"ID\": \"A\", "
                "\"Severity\":"
                " \"CRITICAL\", \"CauseMetadata\": {\"StartLine\": 1}}]}]}'",
                SCAN_MODULE);
        Findings findings;

        check_string(scanned.message, NULL);
        check_int(scanned.summary.counts[SEVERITY_CRITICAL], 1);
        check_int(scanned.summary.n_marked, 1);
        check_int(findings_parse(scanned.findings, strlen(scanned.findings), &findings, NULL), 0);
        check_string(findings.findings[0].target, "main.tf");
        check(findings.findings[0].marked);
        check_int(findings.n_marks, 2);
        check_string(findings.marks[0].file, "dev/a.tf");
        check_int(findings.origin.database_usec, 0);
        findings_clear(&findings);
        scanned_clear(&scanned);
}

static void test_source(void) {
        _cleanup_free_ char *db = database();
        _cleanup_free_ char *program = program_of("/bin/sh",
                "test \"$(cat ../input/go.mod)\" = 'module x' && echo '{\"SchemaVersion\": 2, \"Results\": "
                "[{\"Target\": \"go.mod\", \"Type\": \"gomod\", " PACKAGES "}]}'");
        Buffer text = {};
        Scanned scanned;

        put(&text, "module x\n", 9);
        scanned = scan_once(event, program, WORKER_SCAN, SCAN_SOURCE, memory_file(&text), db, 0);
        check_string(scanned.message, NULL);
        check_int(scanned.result, WORKER_OK);
        buffer_clear(&text);
        scanned_clear(&scanned);
}

static void check_result(const char *interpreter, const char *body, ScanSubject subject, WorkerResult result,
        const char *message) {
        Scanned scanned = run(interpreter, body, subject);

        if (scanned.result != result)
                (void) fprintf(stderr, "%s\n", body);
        check_string(scanned.message, message);
        check_int(scanned.result, result);
        scanned_clear(&scanned);
}

static void check_fails(const char *body, const char *message) {
        check_result("/bin/sh", body, SCAN_BINARY, WORKER_FAILED, message);
}

static void test_failures(void) {
        check_fails("exit 0", "the scanner's report is not usable: truncated at byte 0");
        check_fails("exit 3", "the scanner ended with exit status 3");
        check_fails("printf 'a\\n\\n \\033[31mred\\n\\n' >&2; exit 1",
                "the scanner ended with exit status 1: ?[31mred");
        check_fails("kill -SEGV $$", "the scanner was killed by signal SIGSEGV");
        check_fails("echo '" GOOD "'; kill -KILL $$", "the scanner was killed by signal SIGKILL");
        check_fails("yes | head -c 1000000000 || true", "the scanner's report is larger than 4194304 bytes");
        check_fails("yes", "the scanner's report is larger than 4194304 bytes");
        check_fails("printf '\\377'", "the scanner's report is not usable: not an object");
        check_fails("printf '{\"SchemaVersion\":2,\"Results\":[{\"Target\":\"\\377\"}]}'",
                "the scanner's report is not usable: invalid UTF-8 at byte 43");
        check_fails("i=0; while [ $i -lt 10000 ]; do printf '['; i=$((i+1)); done",
                "the scanner's report is not usable: not an object");
        check_fails("printf '{\"a\":'; i=0; while [ $i -lt 10000 ]; do printf '['; i=$((i+1)); done",
                "the scanner's report is not usable: nesting too deep at byte 36");
        check_result("/nonexistent", "", SCAN_BINARY, WORKER_FAILED,
                "the scanner cannot be started: No such file or directory");
}

/* A report that does not prove that the scanner has looked says nothing. */
static void test_not_assessable(void) {
        static const char unseen[] = "not assessable: the scanner does not see what " FILE_NAME
                                     " is made of (truncated, packed, or not built by Go)";

        check_result("/bin/sh", "echo '{\"SchemaVersion\": 2}'", SCAN_BINARY, WORKER_REFUSED, unseen);
        check_result("/bin/sh",
                "echo '{\"SchemaVersion\": 2, \"Results\": [{\"Target\": \"other\", \"Type\": "
                "\"gobinary\", " PACKAGES "}]}'",
                SCAN_BINARY, WORKER_REFUSED, unseen);
        check_result("/bin/sh", "echo '{\"SchemaVersion\": 2}'", SCAN_MODULE, WORKER_REFUSED,
                "not assessable: the scanner finds no Terraform in the module");
}

static void check_provider_refused(ZipBuilder *zip, const char *message) {
        _cleanup_free_ char *program = program_of("/bin/sh", "echo '" GOOD "'"), *db = database();
        Scanned scanned = scan_once(event, program, WORKER_SCAN, SCAN_BINARY, zip_finish(zip, false), db, 0);

        check_string(scanned.message, message);
        check_int(scanned.result, WORKER_REFUSED);
        scanned_clear(&scanned);
}

static void test_archives(void) {
        _cleanup_free_ char *program = program_of("/bin/sh", "exit 1");
        ZipBuilder zip = {};
        Buffer tar = {};
        Scanned scanned;

        zip_add(&zip, (ZipItem) { .name = "README.md", .data = "x" });
        check_provider_refused(&zip, "the archive has no executable of a provider");
        zip_add(&zip, (ZipItem) { .name = FILE_NAME, .data = "x" });
        zip_add(&zip, (ZipItem) { .name = "terraform-provider-y", .data = "x" });
        check_provider_refused(
                &zip, "the archive has more than one executable, " FILE_NAME " and terraform-provider-y");

        tar_file(&tar, "a/.git/main.tf", "x");
        scanned = scan_once(event, program, WORKER_SCAN, SCAN_MODULE, tar_finish(&tar), NULL, 0);
        check_string(scanned.message, "a/.git/main.tf: a directory of this name is not scanned");
        check_int(scanned.result, WORKER_REFUSED);
        scanned_clear(&scanned);
}

/* A link to a file of the module is read as that file, as terraform does. */
static void test_links(void) {
        _cleanup_free_ char *program =
                program_of("/bin/sh", "test ! -L ../input/module/b.tf && test -f ../input/module/b.tf && ! "
                                      "test -e ../input/module/d &&"
                                      "echo '{\"SchemaVersion\": 2, \"Results\": [{\"Target\": \"module\", "
                                      "\"Type\": \"terraform\","
                                      " \"MisconfSummary\": {\"Successes\": 1}}]}'");
        Buffer tar = {};
        Scanned scanned;

        tar_file(&tar, "a.tf", "x");
        tar_add(&tar, "b.tf", '2', 0777, "a.tf", "", 0);
        tar_file(&tar, "e/a.tf", "x");
        tar_add(&tar, "d", '2', 0777, "e", "", 0);
        scanned = scan_once(event, program, WORKER_SCAN, SCAN_MODULE, tar_finish(&tar), NULL, 0);
        check_string(scanned.message, NULL);
        scanned_clear(&scanned);
}

static void test_probe(void) {
        _cleanup_free_ char *good = program_of("/bin/sh",
                                    "[ \"$1\" = --version ] && { printf 'Version: 0.68.2\\nVulnerability "
                                    "DB:\\n'; exit; }\n"
                                    "[ \"$*\" = 'fs --help' ] || exit 1\n"
                                    "cat <<E\n --scanners strings x\n-f, --format string\n --cache-dir x\n"
                                    " --skip-db-update\n --timeout d\n -q, --quiet\n --offline-scan\n"
                                    " --skip-version-checks\nE"),
                            *old = program_of("/bin/sh",
                                    "[ \"$1\" = --version ] && echo 'Version: 0.1' || echo --scanners"),
                            *other = program_of("/bin/sh", "echo hello");
        Scanned scanned;

        scanned = scan_once(event, good, WORKER_SCANNER, SCAN_BINARY, -EBADF, NULL, 0);
        check_string(scanned.message, NULL);
        check_string(scanned.scanner, "0.68.2");
        check_int(scanned.flags, SCANNER_FLAG_BIT(SCANNER_OFFLINE));
        scanned_clear(&scanned);
        scanned = scan_once(event, old, WORKER_SCANNER, SCAN_BINARY, -EBADF, NULL, 0);
        check_string(scanned.message, "Trivy 0.1 lacks the option --format");
        scanned_clear(&scanned);
        scanned = scan_once(event, other, WORKER_SCANNER, SCAN_BINARY, -EBADF, NULL, 0);
        check_string(scanned.message, "the scanner does not tell its version: it is not Trivy");
        check_int(scanned.result, WORKER_REFUSED);
        scanned_clear(&scanned);
}

#define SBOM                                                                                                \
        "{\"components\":[{\"type\":\"application\",\"name\":\"x\",\"properties\":[{\"name\":"              \
        "\"aquasecurity:trivy:Type\",\"value\":\"gobinary\"}]}]}"

static void check_rescan(const char *documents, const char *body, WorkerResult result, const char *message,
        const char *output) {
        _cleanup_free_ char *program = program_of("/bin/sh", body), *db = database();
        Buffer buffer = {};
        Scanned scanned;

        put(&buffer, documents, strlen(documents));
        scanned = scan_once(event, program, WORKER_RESCAN, SCAN_BINARY, memory_file(&buffer), db, 0);
        check_string(scanned.message, message);
        check_int(scanned.result, result);
        if (output)
                check_string(scanned.findings, output);
        scanned_clear(&scanned);
        buffer_clear(&buffer);
}

static void test_rescan(void) {
        static const char missing[] = "{\"error\":\"not assessable: the scanner does not mention it\"}\n";
        _cleanup_free_ char *both = text_format("[%s,%s]\n", missing, missing),
                            *many = repeat_text("[" SBOM, "," SBOM, SBOM_BINARIES_MAX, "]");

        check_rescan("[]", "exit 1", WORKER_OK, NULL, "[]\n");
        check_rescan("{}", "exit 1", WORKER_REFUSED, "the documents are no array", NULL);
        check_rescan("[" SBOM, "exit 1", WORKER_REFUSED, "the documents: truncated at byte 120", NULL);
        check_rescan(
                "[" SBOM ",{}]", "exit 1", WORKER_REFUSED, "document 1: the document names no binary", NULL);
        check_rescan(many, "exit 1", WORKER_REFUSED, "more than 1000 documents", NULL);
        check_rescan("[" SBOM "]", "exit 1", WORKER_FAILED, "the scanner ended with exit status 1", NULL);
        /* Targets that are none of the documents, and one that nothing was found to be made of. */
        check_rescan("[" SBOM "," SBOM "]",
                "test \"$*\" = 'sbom --scanners vuln --format json --quiet --cache-dir /proc/self/fd/4 "
                "--timeout 24h "
                "--skip-db-update ../merged.cdx.json' && echo '{\"SchemaVersion\": 2, \"Results\": "
                "[{\"Target\": "
                "\"x\", " PACKAGES "}, {\"Target\": \"2\", " PACKAGES "}, {\"Target\": \"00\", " PACKAGES
                "}, {\"Target\": \"1\"}]}'",
                WORKER_OK, NULL, both);
}

/* What the scanner tries; it says what it was able to do, and there is nothing to be said. */
static const char escape[] =
        "import os, socket, sys\n"
        "done = []\n"
        "def attempt(name, action):\n"
        "    try:\n"
        "        action()\n"
        "        done.append(name)\n"
        "    except OSError:\n"
        "        pass\n"
        "def connect(family, kind, address):\n"
        "    with socket.socket(family, kind) as s:\n"
        "        s.connect(address)\n"
        "def write(path):\n"
        "    with open(path, 'w') as f:\n"
        "        f.write('x')\n"
        "attempt('tcp', lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', PORT)))\n"
        "attempt('udp', lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ('127.0.0.1', PORT)))\n"
        "attempt('unix', lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, 'SCRATCH/socket'))\n"
        "attempt('abstract', lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, '\\0ABSTRACT'))\n"
        "attempt('shadow', lambda: open('/etc/shadow').read())\n"
        "attempt('passwd', lambda: open('/etc/passwd').read())\n"
        "attempt('state', lambda: open('SCRATCH/secret').read())\n"
        "attempt('other', lambda: os.listdir('SCRATCH/scratch-0'))\n"
        "attempt('parent', lambda: os.listdir('../..'))\n"
        "attempt('root', lambda: os.listdir('/proc/PID/root'))\n"
        "attempt('signal', lambda: os.kill(PID, 0))\n"
        "attempt('write', lambda: write('SCRATCH/written'))\n"
        "attempt('tmp', lambda: write('/tmp/opendepot-written'))\n"
        "attempt('database', lambda: write('/proc/self/fd/4/db/trivy.db'))\n"
        "attempt('database link', lambda: os.link('/proc/self/fd/4/db/trivy.db', 'x'))\n"
        "attempt('artifact', lambda: os.unlink('SCRATCH/secret'))\n"
        "attempt('socket', lambda: os.write(3, b'x'))\n"
        "attempt('fifo', lambda: os.mkfifo('fifo'))\n"
        "attempt('device', lambda: os.mknod('device', 0o20600, os.makedev(1, 5)))\n"
        "attempt('root directory', lambda: os.chroot('.'))\n"
        "attempt('namespace', lambda: os.unshare(os.CLONE_NEWUSER))\n"
        "open('allowed', 'w').close()\n"
        "os.unlink('allowed')\n"
        "sys.stderr.write('done: ' + ', '.join(done))\n"
        "sys.exit(1)\n";

/* Puts values in. */
static char *fill(const char *text, const char *const *words, size_t n) {
        Buffer buffer = {};

        while (*text) {
                bool found = false;

                for (size_t i = 0; i < n && !found; i += 2)
                        if (startswith(text, words[i])) {
                                put(&buffer, words[i + 1], strlen(words[i + 1]));
                                text += strlen(words[i]);
                                found = true;
                        }
                if (!found)
                        put(&buffer, text++, 1);
        }
        return buffer.data;
}

static int listen_at(const struct sockaddr *address, socklen_t size) {
        int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        check(fd >= 0 && bind(fd, address, size) == 0 && listen(fd, 5) == 0);
        return fd;
}

/* What the same program is able to do without the worker; as root, all of it that means anything there. */
static void check_without_sandbox(const char *body) {
        _cleanup_free_ char *program = program_of("/usr/bin/python3", body), *command = NULL;
        char said[4096];
        FILE *output;
        size_t n;

        command = text_format("cd %s/database/db && %s 2>&1", scratch_path, program);
        output = popen(command, "re");
        check(output);
        n = fread(said, 1, sizeof(said) - 1, output);
        said[n] = '\0';
        (void) pclose(output);
        check(strstr(said, "done: tcp, udp, unix, abstract, "));
        check(strstr(said, "passwd, state, other, parent, "));
        check(strstr(said, "signal, write, tmp, "));
        check(strstr(said, "artifact"));
        check(unlink("/tmp/opendepot-written") == 0);
}

static void test_escape(void) {
        struct sockaddr_in tcp = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct sockaddr_un unix_socket = { .sun_family = AF_UNIX }, abstract = { .sun_family = AF_UNIX };
        socklen_t size = sizeof(tcp);
        char port[16], pid[16], name[64];
        const char *words[] = { "SCRATCH", scratch_path, "PORT", port, "PID", pid, "ABSTRACT", name };
        _cleanup_close_ int tcp_fd = listen_at((struct sockaddr *) &tcp, sizeof(tcp)), unix_fd = -EBADF,
                            abstract_fd = -EBADF;
        _cleanup_free_ char *body = NULL, *db = database(), *content = NULL;

        check(getsockname(tcp_fd, (struct sockaddr *) &tcp, &size) == 0);
        (void) snprintf(port, sizeof(port), "%d", ntohs(tcp.sin_port));
        (void) snprintf(pid, sizeof(pid), "%d", getpid());
        (void) snprintf(unix_socket.sun_path, sizeof(unix_socket.sun_path), "%s/socket", scratch_path);
        unix_fd = listen_at((struct sockaddr *) &unix_socket, sizeof(unix_socket));
        (void) snprintf(name, sizeof(name), "opendepot-test-%d", getpid());
        memcpy(abstract.sun_path + 1, name, strlen(name));
        abstract_fd = listen_at((struct sockaddr *) &abstract,
                (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)));
        scratch_write(dirfd_, "secret", "x");

        body = fill(escape, words, ELEMENTSOF(words));
        check_without_sandbox(body);
        scratch_write(dirfd_, "secret", "x");
        check_result("/usr/bin/python3", body, SCAN_BINARY, WORKER_FAILED,
                "the scanner ended with exit status 1: done:");
        check(access("/tmp/opendepot-written", F_OK) < 0);
        content = scratch_read(dirfd_, "database/db/trivy.db");
        check_string(content, "database");
}

/* Descendants that would outlive it, in sessions of their own if they could; their ids are told by standard output. */
#define LEAVE_GROUP                                                                                         \
        "def leave_group():\n"                                                                              \
        "    try:\n"                                                                                        \
        "        os.setsid()\n"                                                                             \
        "    except OSError:\n"                                                                             \
        "        pass\n"
static const char leave_behind[] = "import os, sys, time\n" LEAVE_GROUP "sys.stdout.write('{')\n"
                                   "for i in range(3):\n"
                                   "    r, w = os.pipe()\n"
                                   "    if os.fork() == 0:\n"
                                   "        leave_group()\n"
                                   "        if os.fork() == 0:\n"
                                   "            os.write(w, b'%d' % os.getpid())\n"
                                   "            os.close(w)\n"
                                   "            time.sleep(1000)\n"
                                   "        os._exit(0)\n"
                                   "    os.close(w)\n"
                                   "    pid = os.read(r, 100).decode()\n"
                                   "    sys.stdout.write('\"p%d\": %s, ' % (i, pid))\n"
                                   "sys.stdout.write('\"SchemaVersion\": 2}')\n";

static pid_t pid_in(const char *text, const char *key) {
        const char *at = strstr(text, key);

        check(at);
        return (pid_t) atoi(at + strlen(key));
}

static void test_left_behind(void) {
        Scanned scanned = run("/usr/bin/python3", leave_behind, SCAN_BINARY);

        check_int(scanned.result, WORKER_REFUSED);
        for (int i = 0; i < 3; i++) {
                char key[16];
                pid_t pid;

                (void) snprintf(key, sizeof(key), "\"p%d\": ", i);
                pid = pid_in(scanned.raw, key);
                check(pid > 0);
                LOOP_UNTIL(event, kill(pid, 0) < 0 && errno == ESRCH);
        }
        scanned_clear(&scanned);
}

/* One that never ends, does not listen to SIGTERM, and has children. */
static void test_never_ends(void) {
        _cleanup_free_ char *program = program_of("/usr/bin/python3",
                                    "import os, signal, time\n" LEAVE_GROUP
                                    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                                    "if os.fork() == 0:\n"
                                    "    leave_group()\n"
                                    "    os.write(1, b'%d\\n' % os.getpid())\n"
                                    "while True:\n"
                                    "    time.sleep(1)\n"),
                            *good = program_of("/bin/sh", "echo '" GOOD "'"), *db = database();
        WorkerLimits limits = scan_limits;
        Scanned endless, other;
        WorkerPool *pool;
        pid_t child;

        limits.timeout_usec = 2 * USEC_PER_SEC;
        pool = scan_pool(event, &limits);
        scan_submit(pool, program, WORKER_SCAN, SCAN_BINARY, provider(), db, 0, &endless);
        scan_submit(pool, good, WORKER_SCAN, SCAN_BINARY, provider(), db, 0, &other);
        LOOP_UNTIL(event, endless.done && other.done);
        scan_collect(WORKER_SCAN, &endless);
        scan_collect(WORKER_SCAN, &other);
        check_string(endless.message, "the worker (scan) took longer than 2 s and was ended");
        check_int(endless.result, WORKER_FAILED);
        check_int(other.result, WORKER_OK);
        child = (pid_t) atoi(endless.raw);
        check(child > 0);
        LOOP_UNTIL(event, kill(child, 0) < 0 && errno == ESRCH);
        worker_pool_free(pool);
        scanned_clear(&endless);
        scanned_clear(&other);
}

int main(void) {
        event = loop_new();
        dirfd_ = scratch_open();
        test_binary();
        test_module();
        test_source();
        test_failures();
        test_not_assessable();
        test_archives();
        test_links();
        test_rescan();
        test_probe();
        test_escape();
        test_left_behind();
        test_never_ends();
        close_fd(dirfd_);
        sd_event_unref(event);
        return EXIT_SUCCESS;
}
