#include "base/offload.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "test.h"

#define N_THREADS 3

typedef struct Job {
        pthread_t loop, thread;
        atomic_bool *gate;  /* waits for it to become true; NULL: does not wait */
        atomic_bool *begun; /* becomes true; may be NULL */
        atomic_uint *n_running, *most_running;
        int result, done_result;
        unsigned n_done;
        bool signals_blocked;
        unsigned *n_all_done;
        sd_event *event;
        unsigned exit_at; /* of *n_all_done */
} Job;

static int work(void *userdata) {
        Job *job = userdata;
        unsigned running, most;
        sigset_t blocked;

        if (job->begun)
                atomic_store(job->begun, true);
        job->thread = pthread_self();
        job->signals_blocked = pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0 &&
                               sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGHUP) == 1;
        if (job->n_running) {
                running = atomic_fetch_add(job->n_running, 1) + 1;
                most = atomic_load(job->most_running);
                while (running > most && !atomic_compare_exchange_weak(job->most_running, &most, running))
                        ;
                /* Nobody goes on before all threads have met, however late one of them gets its turn. */
                do
                        (void) usleep(2000);
                while (atomic_load(job->most_running) < N_THREADS);
        }
        while (job->gate && !atomic_load(job->gate))
                (void) usleep(1000);
        if (job->n_running)
                (void) atomic_fetch_sub(job->n_running, 1);
        return job->result;
}

static void done(int result, void *userdata) {
        Job *job = userdata;

        check(pthread_equal(job->loop, pthread_self()));
        job->n_done++;
        job->done_result = result;
        if (++*job->n_all_done == job->exit_at)
                (void) sd_event_exit(job->event, 0);
}

static sd_event *new_event(void) {
        sd_event *event;

        check(sd_event_new(&event) >= 0);
        return event;
}

/* Results come back each once, on the loop, from threads that take no signals, as many at once as there are threads. */
static void test_run(void) {
        sd_event *event = new_event();
        atomic_uint n_running = 0, most_running = 0;
        unsigned n_done = 0;
        Job jobs[64];
        Offload *offload;

        check_int(offload_new(event, N_THREADS, &offload), 0);
        for (size_t i = 0; i < ELEMENTSOF(jobs); i++) {
                jobs[i] = (Job) {
                        .loop = pthread_self(),
                        .n_running = &n_running,
                        .most_running = &most_running,
                        .result = i % 2 == 0 ? (int) i : -(int) i,
                        .n_all_done = &n_done,
                        .event = event,
                        .exit_at = ELEMENTSOF(jobs),
                };
                check_int(offload_run(offload, work, done, &jobs[i]), 0);
                check_int(jobs[i].n_done, 0);
        }
        check_int(sd_event_loop(event), 0);

        for (size_t i = 0; i < ELEMENTSOF(jobs); i++) {
                check_int(jobs[i].n_done, 1);
                check_int(jobs[i].done_result, jobs[i].result);
                check(jobs[i].signals_blocked && !pthread_equal(jobs[i].thread, pthread_self()));
        }
        check_int(most_running, N_THREADS);
        check(!offload_free(offload));
        sd_event_unref(event);
}

/* At the end what runs is waited for and told, what waits is told that it does not run. */
static void test_free(void) {
        sd_event *event = new_event();
        atomic_bool gate = false, begun = false;
        unsigned n_done = 0;
        Job jobs[5];
        Offload *offload;

        check_int(offload_new(event, 1, &offload), 0);
        for (size_t i = 0; i < ELEMENTSOF(jobs); i++) {
                jobs[i] = (Job) {
                        .loop = pthread_self(),
                        .gate = i == 0 ? &gate : NULL,
                        .begun = i == 0 ? &begun : NULL,
                        .result = 7,
                        .n_all_done = &n_done,
                };
                check_int(offload_run(offload, work, done, &jobs[i]), 0);
        }
        /* The first is in its thread; the thread goes on while offload_free() waits for it, and is then told to stop. */
        while (!atomic_load(&begun))
                (void) usleep(1000);
        check_int(jobs[0].n_done, 0);
        atomic_store(&gate, true);
        offload_free(offload);

        check_int(n_done, ELEMENTSOF(jobs));
        for (size_t i = 0; i < ELEMENTSOF(jobs); i++) {
                check_int(jobs[i].n_done, 1);
                check(jobs[i].done_result == 7 || (i > 0 && jobs[i].done_result == -ECANCELED));
        }
        check(!offload_free(NULL));
        sd_event_unref(event);
}

/* More threads than there is a use for are not made. */
static void test_bounded(void) {
        sd_event *event = new_event();
        atomic_uint n_running = 0, most_running = 0;
        unsigned n_done = 0;
        Job jobs[100];
        Offload *offload;

        check_int(offload_new(event, 1000, &offload), 0);
        for (size_t i = 0; i < ELEMENTSOF(jobs); i++) {
                jobs[i] = (Job) {
                        .loop = pthread_self(),
                        .n_running = &n_running,
                        .most_running = &most_running,
                        .n_all_done = &n_done,
                        .event = event,
                        .exit_at = ELEMENTSOF(jobs),
                };
                check_int(offload_run(offload, work, done, &jobs[i]), 0);
        }
        check_int(sd_event_loop(event), 0);
        check(most_running <= 16);
        offload_free(offload);
        sd_event_unref(event);
}

int main(void) {
        test_run();
        test_free();
        test_bounded();
        return EXIT_SUCCESS;
}
