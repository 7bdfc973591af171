#include "job/scans.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/text.h"
#include "database/database.h"

/* What one scan takes at most, as measured with large modules; the budget is divided by it. */
#define SCAN_MEMORY (512 * MIB)

typedef enum ScanJobState {
        SCAN_JOB_QUEUED,
        SCAN_JOB_RUNNING,
        SCAN_JOB_REFUSED, /* `problem` says why; told on a turn of its own */
} ScanJobState;

struct ScanJob {
        Scans *scans;
        ScanJob *next;
        ScanJobState state;
        ScanSubject subject;
        ScanFiles files;
        char directory[32]; /* its own, below that of all scans; "" until it runs */
        uint64_t database_usec;
        char *problem;
        WorkerJob *worker;
        ScanDone done;
        void *userdata;
};

struct Scans {
        ScansOptions options;
        int directory_fd;
        const Settings *settings;
        ScanJob *jobs; /* the first to come first */
        unsigned n_running;
        uint64_t n_started;
        sd_event_source *wake;

        /* The program, as it was looked at last. */
        struct stat program;
        bool program_known;
        char *program_problem; /* NULL: it can be used */
        char version[SCANNER_VERSION_SIZE];
        unsigned flags;
        WorkerJob *probe;
};

static void scans_wake(Scans *scans) {
        (void) sd_event_source_set_enabled(scans->wake, SD_EVENT_ONESHOT);
}

/* Directories that scans have left; a scanner may have made many files. */
typedef struct Removal {
        int directory_fd;
        char name[32];
} Removal;

static int removal_work(void *userdata) {
        Removal *removal = userdata;

        return fs_remove_tree(removal->directory_fd, removal->name);
}

static void removal_done(int result, void *userdata) {
        Removal *removal = userdata;

        close_fd(removal->directory_fd);
        free(removal);
}

static void remove_directory(Scans *scans, const char *name) {
        Removal *removal = calloc(1, sizeof(Removal));

        if (!removal)
                return; /* the next start of the daemon finds it */
        removal->directory_fd = fcntl(scans->directory_fd, F_DUPFD_CLOEXEC, 3);
        (void) snprintf(removal->name, sizeof(removal->name), "%s", name);
        if (removal->directory_fd < 0 ||
                offload_run(scans->options.offload, removal_work, removal_done, removal) < 0)
                removal_done(0, removal);
}

static int make_directory(Scans *scans, char ret[static 32]) {
        int fd;

        (void) snprintf(ret, 32, "scan-%llu", (unsigned long long) ++scans->n_started);
        if (mkdirat(scans->directory_fd, ret, 0700) < 0)
                return negative_errno();
        fd = openat(scans->directory_fd, ret, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                remove_directory(scans, ret);
        return fd < 0 ? negative_errno() : fd;
}

static void files_close(ScanFiles *files) {
        files->input_fd = close_fd(files->input_fd);
        files->findings_fd = close_fd(files->findings_fd);
        files->raw_fd = close_fd(files->raw_fd);
        files->sbom_fd = close_fd(files->sbom_fd);
}

/* It must be unlinked. */
static void job_free(ScanJob *job) {
        if (job->state == SCAN_JOB_RUNNING)
                job->scans->n_running--;
        worker_job_cancel(job->worker);
        if (job->directory[0])
                remove_directory(job->scans, job->directory);
        files_close(&job->files);
        free(job->problem);
        free(job);
}

static void job_unlink(ScanJob *job) {
        for (ScanJob **link = &job->scans->jobs; *link; link = &(*link)->next)
                if (*link == job) {
                        *link = job->next;
                        return;
                }
}

ScanJob *scan_job_cancel(ScanJob *job) {
        if (!job)
                return NULL;
        job_unlink(job);
        scans_wake(job->scans);
        job_free(job);
        return NULL;
}

static void job_answer(ScanJob *job, const WorkerReport *report) {
        ScanDone done = job->done;
        void *userdata = job->userdata;
        _cleanup_free_ char *problem = TAKE_PTR(job->problem);
        ScanAnswer answer = { report, problem, report ? job->database_usec : 0 };

        if (!report && !problem)
                answer.problem = "out of memory";
        job_unlink(job);
        scans_wake(job->scans);
        job_free(job);
        done(&answer, userdata);
}

/* The program */

static void on_probed(const WorkerReport *report, void *userdata) {
        Scans *scans = userdata;

        scans->probe = NULL;
        scans->program_known = true;
        if (report->result == WORKER_OK) {
                memcpy(scans->version, report->scanner, sizeof(scans->version));
                scans->flags = report->scanner_flags;
        } else
                text_set(&scans->program_problem, "%s cannot be used: %s", scans->settings->scanner,
                        strempty(report->message));
        remove_directory(scans, "probe");
        scans_wake(scans);
}

static int start_probe(Scans *scans, int program_fd) {
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_SCANNER);

        request.scanner_fd = program_fd;
        (void) fs_remove_tree(scans->directory_fd, "probe");
        if (mkdirat(scans->directory_fd, "probe", 0700) < 0) {
                close_fd(program_fd);
                return negative_errno();
        }
        request.directory_fd =
                openat(scans->directory_fd, "probe", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return worker_pool_submit(scans->options.workers, &request, on_probed, scans, &scans->probe);
}

static bool is_same_program(const struct stat *a, const struct stat *b) {
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
               a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Opens the program. Returns its descriptor; -EINPROGRESS when it has to be looked at first; or, with scans->program_problem, that
 * it cannot be used. */
static int open_program(Scans *scans) {
        const char *path = scans->settings->scanner;
        struct stat st;
        int fd, r;

        if (scans->probe)
                return -EINPROGRESS;
        fd = open(path, O_PATH | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0) {
                r = negative_errno();
                close_fd(fd);
                scans->program_known = false;
                text_set(&scans->program_problem,
                        r == -ENOENT ? "%s is not there: install the package trivy" : "%s cannot be opened",
                        path);
                return r;
        }
        if (scans->program_known && is_same_program(&st, &scans->program)) {
                if (!scans->program_problem)
                        return fd;
                close_fd(fd);
                return -ENOEXEC;
        }
        scans->program = st;
        scans->program_known = false;
        free(TAKE_PTR(scans->program_problem));
        r = start_probe(scans, fd);
        if (r >= 0)
                return -EINPROGRESS;
        text_set(&scans->program_problem, "%s cannot be looked at: %s", path, strerror(-r));
        return r;
}

/* The database */

/* Returns a descriptor of the generation in use, or a negative errno and why in *ret_problem. */
static int open_database(Scans *scans, uint64_t *ret_usec, char **ret_problem) {
        _cleanup_(database_freep) Database *database = NULL;
        _cleanup_close_ int fd = fs_open_root(scans->options.database_directory, false);
        _cleanup_free_ char *error = NULL;
        uint64_t now = clock_realtime_usec();
        int r;

        r = fd < 0 ? fd : database_open(fd, &database, &error);
        if (r == -ENOENT)
                text_set(ret_problem,
                        "there is no vulnerability database yet: systemctl start opendepot-trivy-db");
        else if (r < 0)
                text_set(ret_problem, "the vulnerability database cannot be read: %s",
                        error ? error : strerror(-r));
        if (r < 0)
                return r;
        if (now > database->metadata.updated_usec &&
                now - database->metadata.updated_usec > scans->settings->database_age_max_usec) {
                text_set(ret_problem,
                        "the vulnerability database is of %s, older than scanner.database.maxAge",
                        database->name);
                return -ESTALE;
        }
        *ret_usec = database->metadata.updated_usec;
        return TAKE_FD(database->fd);
}

/* Scans */

static void on_scanned(const WorkerReport *report, void *userdata) {
        ScanJob *job = userdata;

        job->worker = NULL;
        job_answer(job, report);
}

/* The program's descriptor is taken over. Returns 0, or a negative errno and job->problem. */
static int job_run(ScanJob *job, int program_fd) {
        Scans *scans = job->scans;
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_SCAN);
        int r = 0;

        request.scanner_fd = program_fd;
        if (job->subject != SCAN_MODULE) {
                request.database_fd = open_database(scans, &job->database_usec, &job->problem);
                r = MIN_OF(request.database_fd, 0);
        }
        if (r >= 0) {
                request.directory_fd = make_directory(scans, job->directory);
                r = MIN_OF(request.directory_fd, 0);
        }
        if (r < 0) {
                close_fd(request.scanner_fd);
                close_fd(request.database_fd);
                if (!job->problem)
                        text_set(&job->problem, "the scan cannot be prepared: %s", strerror(-r));
                return r;
        }
        request.input_fd = TAKE_FD(job->files.input_fd);
        request.output_fd = TAKE_FD(job->files.findings_fd);
        request.raw_fd = TAKE_FD(job->files.raw_fd);
        request.sbom_fd = TAKE_FD(job->files.sbom_fd);
        request.scan = (WorkerScan) {
                .subject = job->subject,
                .scanner_flags = scans->flags,
                .report_size_max = scans->settings->scan_report_max,
        };
        memcpy(request.scan.scanner, scans->version, sizeof(request.scan.scanner));
        r = worker_pool_submit(scans->options.workers, &request, on_scanned, job, &job->worker);
        if (r < 0) {
                text_set(&job->problem, "the scan cannot be started: %s", strerror(-r));
                return r;
        }
        job->state = SCAN_JOB_RUNNING;
        scans->n_running++;
        return 0;
}

static unsigned running_max(const Scans *scans) {
        return (unsigned) MAX_OF(scans->settings->scanner_memory / SCAN_MEMORY, UINT64_C(1));
}

static ScanJob *find_job(Scans *scans, ScanJobState state) {
        ScanJob *job = scans->jobs;

        while (job && job->state != state)
                job = job->next;
        return job;
}

static void job_refuse(ScanJob *job, const char *problem) {
        job->state = SCAN_JOB_REFUSED;
        if (problem)
                (void) string_assign(&job->problem, problem);
}

static int on_wake(sd_event_source *source, void *userdata) {
        Scans *scans = userdata;
        ScanJob *job;

        while (scans->n_running < running_max(scans) && (job = find_job(scans, SCAN_JOB_QUEUED))) {
                int program_fd = open_program(scans);

                if (program_fd == -EINPROGRESS)
                        break;
                if (program_fd < 0)
                        job_refuse(job, strempty(scans->program_problem));
                else if (job_run(job, program_fd) < 0)
                        job_refuse(job, NULL);
        }
        /* One for each turn: whoever is told may cancel others, or start new ones. */
        job = find_job(scans, SCAN_JOB_REFUSED);
        if (job)
                job_answer(job, NULL);
        return 0;
}

int scans_start(Scans *scans, ScanSubject subject, const ScanFiles *files, ScanDone done, void *userdata,
        ScanJob **ret) {
        ScanJob *job = calloc(1, sizeof(ScanJob)), **link = &scans->jobs;

        if (!job) {
                ScanFiles closed = *files;

                files_close(&closed);
                return -ENOMEM;
        }
        *job = (ScanJob) {
                .scans = scans,
                .subject = subject,
                .files = *files,
                .done = done,
                .userdata = userdata,
        };
        while (*link)
                link = &(*link)->next;
        *link = job;
        scans_wake(scans);
        *ret = job;
        return 0;
}

void scans_set_settings(Scans *scans, const Settings *settings) {
        scans->settings = settings;
        scans->probe = worker_job_cancel(scans->probe);
        scans->program_known = false;
        free(TAKE_PTR(scans->program_problem));
        scans_wake(scans);
}

int scans_new(const ScansOptions *options, Scans **ret) {
        _cleanup_(scans_freep) Scans *scans = calloc(1, sizeof(Scans));
        int r;

        if (!scans)
                return -ENOMEM;
        scans->options = *options;
        scans->directory_fd = fcntl(options->directory_fd, F_DUPFD_CLOEXEC, 3);
        if (scans->directory_fd < 0)
                return negative_errno();
        r = sd_event_add_defer(options->event, &scans->wake, on_wake, scans);
        if (r >= 0)
                r = sd_event_source_set_enabled(scans->wake, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(scans);
        return 0;
}

Scans *scans_free(Scans *scans) {
        if (!scans)
                return NULL;
        worker_job_cancel(scans->probe);
        while (scans->jobs) {
                ScanJob *job = scans->jobs;

                scans->jobs = job->next;
                job_free(job);
        }
        sd_event_source_disable_unref(scans->wake);
        close_fd(scans->directory_fd);
        free(scans->program_problem);
        free(scans);
        return NULL;
}
