#include "database/refresh.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/list.h"
#include "base/log.h"
#include "base/message-id.h"
#include "base/text.h"
#include "database/database.h"

static int add_variable(char ***environment, const char *name, const char *value) {
        _cleanup_free_ char *variable = text_format("%s=%s", name, value);

        return variable ? strings_append(environment, variable) : -ENOMEM;
}

static int add_network(char ***environment, const DatabaseSource *source) {
        _cleanup_(buffer_clear) Buffer no_proxy = {};
        int r = 0;

        if (source->ca_file)
                r = add_variable(environment, "SSL_CERT_FILE", source->ca_file);
        if (r >= 0 && source->proxy)
                r = add_variable(environment, "HTTPS_PROXY", source->proxy);
        if (r >= 0 && source->proxy)
                r = add_variable(environment, "HTTP_PROXY", source->proxy);
        for (char *const *host = source->no_proxy; r >= 0 && host && *host; host++)
                r = buffer_append_format(&no_proxy, "%s%s", no_proxy.size > 0 ? "," : "", *host);
        if (r >= 0 && no_proxy.size > 0)
                r = add_variable(environment, "NO_PROXY", no_proxy.data);
        return r;
}

/* Options that not every Trivy has are variables: it ignores those that it does not know. */
static int make_environment(const char *directory, const DatabaseSource *source, char ***ret) {
        _cleanup_(strings_freep) char **environment = NULL;
        _cleanup_free_ char *work = text_format("%s/" DATABASE_WORK, directory);
        int r;

        if (!work)
                return -ENOMEM;
        r = add_variable(&environment, "HOME", work);
        if (r >= 0)
                r = add_variable(&environment, "TMPDIR", work);
        if (r >= 0)
                r = add_variable(&environment, "TRIVY_SKIP_VERSION_CHECK", "true");
        if (r >= 0)
                r = add_variable(&environment, "TRIVY_DISABLE_TELEMETRY", "true");
        if (r >= 0)
                r = add_network(&environment, source);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(environment);
        return 0;
}

static int make_arguments(const char *directory, const DatabaseSource *source, char ***ret) {
        _cleanup_free_ char *fetched = text_format("%s/" DATABASE_FETCHED, directory);
        const char *words[] = { "trivy", "rootfs", "--download-db-only", "--no-progress", "--cache-dir",
                fetched };
        _cleanup_(strings_freep) char **arguments = NULL;
        int r = fetched ? 0 : -ENOMEM;

        for (size_t i = 0; i < ELEMENTSOF(words) && r >= 0; i++)
                r = strings_append(&arguments, words[i]);
        for (char *const *repository = source->repositories; r >= 0 && repository && *repository;
                repository++) {
                r = strings_append(&arguments, "--db-repository");
                if (r >= 0)
                        r = strings_append(&arguments, *repository);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(arguments);
        return 0;
}

/* Its working directory is empty, so that no trivy.yaml counts, and goes with what it leaves there. */
static int spawn(const char *program, int work_fd, char **arguments, char **environment, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        if ((r = posix_spawn_file_actions_addfchdir_np(&actions, work_fd)) == 0 &&
                (r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)) ==
                        0)
                r = posix_spawn(ret, program, &actions, NULL, arguments, environment);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int wait_for(pid_t process, int *ret_status) {
        while (waitpid(process, ret_status, 0) < 0)
                if (errno != EINTR)
                        return negative_errno();
        return 0;
}

/* What Trivy has to say goes where our own messages go. */
static int fetch(const char *directory, int directory_fd, const DatabaseSource *source) {
        _cleanup_(strings_freep) char **arguments = NULL, **environment = NULL;
        _cleanup_close_ int work = -EBADF;
        int r, status = 0;
        pid_t process;

        r = make_arguments(directory, source, &arguments);
        if (r >= 0)
                r = make_environment(directory, source, &environment);
        if (r < 0)
                return r;
        work = fs_open_directory(directory_fd, DATABASE_WORK, false);
        if (work < 0)
                return work;
        r = spawn(source->program, work, arguments, environment, &process);
        if (r == -ENOENT) {
                log_error("%s is not there: install the package trivy, or set scanner.path in "
                          "opendepot.yaml",
                        source->program);
                return r;
        }
        if (r >= 0)
                r = wait_for(process, &status);
        if (r < 0) {
                log_error("Cannot run %s: %s", source->program, strerror(-r));
                return r;
        }
        if (WIFSIGNALED(status)) {
                log_error("%s was ended by SIG%s; the database in use stays", source->program,
                        sigabbrev_np(WTERMSIG(status)));
                return -EIO;
        }
        if (WEXITSTATUS(status) != 0) {
                log_error("%s could not fetch the database and ended with status %d; the database in use "
                          "stays",
                        source->program, WEXITSTATUS(status));
                return -EIO;
        }
        return 0;
}

/* Whether the database in use is the newest that upstream can have. */
static bool is_due(int directory_fd) {
        _cleanup_(database_freep) Database *database = NULL;
        _cleanup_free_ char *error = NULL;
        int r;

        r = database_open(directory_fd, &database, &error);
        if (r < 0) {
                if (error)
                        log_warning("The database in use is damaged, fetching it anew: %s", error);
                return true;
        }
        if (clock_realtime_usec() >= database->metadata.next_update_usec)
                return true;

        char next[CLOCK_TEXT_SIZE];

        clock_format(database->metadata.next_update_usec, next);
        log_info("The database of %s is in use, the next one is made at %s", database->name, next);
        return false;
}

static int put_into_use(int directory_fd) {
        _cleanup_(database_freep) Database *database = NULL;
        _cleanup_free_ char *error = NULL;
        int r;

        r = database_install(directory_fd, &error);
        if (r < 0) {
                log_error("The database that was fetched is not put into use: %s",
                        error ? error : strerror(-r));
                return r;
        }
        if (r == 0) {
                log_info("Upstream has no newer database");
                return 0;
        }
        r = database_open(directory_fd, &database, &error);
        if (r < 0)
                return r;
        log_entry(LOG_NOTICE, MESSAGE_DATABASE_REFRESHED, NULL, "The vulnerability database of %s is in use",
                database->name);
        return 0;
}

int database_refresh(const char *directory, const DatabaseSource *source, bool force) {
        _cleanup_close_ int fd = fs_open_root(directory, true);
        int r;

        if (fd < 0) {
                log_error("%s: %s", directory, strerror(-fd));
                return fd;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                r = negative_errno();
                log_error("%s: %s", directory,
                        r == -EWOULDBLOCK ? "the database is being refreshed already" : strerror(-r));
                return r;
        }
        if (!force && !is_due(fd))
                return 0;
        r = database_prepare(fd);
        if (r < 0) {
                log_error("%s: %s", directory, strerror(-r));
                return r;
        }
        r = fetch(directory, fd, source);
        if (r >= 0)
                r = put_into_use(fd);
        (void) fs_remove_tree(fd, "incoming");
        return r;
}
