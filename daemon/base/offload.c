#include "base/offload.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "base/priority.h"

#define THREADS_MAX 16

typedef struct Request Request;

struct Request {
        OffloadWork work;
        OffloadDone done;
        void *userdata;
        int result;
        Request *next;
};

typedef struct Queue {
        Request *first, *last;
} Queue;

struct Offload {
        sd_event_source *source;
        int eventfd;

        pthread_mutex_t mutex; /* guards everything below */
        pthread_cond_t wake;
        Queue waiting, finished;
        bool stopping;

        pthread_t threads[THREADS_MAX];
        unsigned n_threads;
};

static void queue_push(Queue *queue, Request *request) {
        request->next = NULL;
        if (queue->last)
                queue->last->next = request;
        else
                queue->first = request;
        queue->last = request;
}

static Request *queue_pop(Queue *queue) {
        Request *request = queue->first;

        if (request) {
                queue->first = request->next;
                if (!queue->first)
                        queue->last = NULL;
        }
        return request;
}

static void *thread_main(void *userdata) {
        Offload *offload = userdata;

        priority_background();
        (void) pthread_mutex_lock(&offload->mutex);
        for (;;) {
                Request *request;

                while (!offload->stopping && !offload->waiting.first)
                        (void) pthread_cond_wait(&offload->wake, &offload->mutex);
                if (offload->stopping)
                        break;
                request = queue_pop(&offload->waiting);

                (void) pthread_mutex_unlock(&offload->mutex);
                request->result = request->work(request->userdata);
                (void) pthread_mutex_lock(&offload->mutex);

                queue_push(&offload->finished, request);
                (void) eventfd_write(offload->eventfd, 1);
        }
        (void) pthread_mutex_unlock(&offload->mutex);
        return NULL;
}

static void deliver(Offload *offload) {
        for (;;) {
                Request *request;

                (void) pthread_mutex_lock(&offload->mutex);
                request = queue_pop(&offload->finished);
                (void) pthread_mutex_unlock(&offload->mutex);
                if (!request)
                        return;
                request->done(request->result, request->userdata);
                free(request);
        }
}

static int on_finished(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        eventfd_t value;

        (void) eventfd_read(fd, &value);
        deliver(userdata);
        return 0;
}

int offload_new(sd_event *event, unsigned n_threads, Offload **ret) {
        _cleanup_(offload_freep) Offload *offload = calloc(1, sizeof(Offload));
        sigset_t all, old;
        int r = 0;

        if (!offload)
                return -ENOMEM;
        (void) pthread_mutex_init(&offload->mutex, NULL);
        (void) pthread_cond_init(&offload->wake, NULL);
        offload->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (offload->eventfd < 0)
                return negative_errno();
        r = sd_event_add_io(event, &offload->source, offload->eventfd, EPOLLIN, on_finished, offload);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(offload->source, "offload");

        /* Signals belong to the loop. */
        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &old);
        for (; offload->n_threads < MIN_OF(n_threads, (unsigned) THREADS_MAX); offload->n_threads++) {
                r = -pthread_create(&offload->threads[offload->n_threads], NULL, thread_main, offload);
                if (r < 0)
                        break;
        }
        (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(offload);
        return 0;
}

Offload *offload_free(Offload *offload) {
        Request *request;

        if (!offload)
                return NULL;
        (void) pthread_mutex_lock(&offload->mutex);
        offload->stopping = true;
        (void) pthread_cond_broadcast(&offload->wake);
        (void) pthread_mutex_unlock(&offload->mutex);
        for (unsigned i = 0; i < offload->n_threads; i++)
                (void) pthread_join(offload->threads[i], NULL);

        deliver(offload);
        while ((request = queue_pop(&offload->waiting))) {
                request->done(-ECANCELED, request->userdata);
                free(request);
        }
        sd_event_source_disable_unref(offload->source);
        close_fd(offload->eventfd);
        (void) pthread_cond_destroy(&offload->wake);
        (void) pthread_mutex_destroy(&offload->mutex);
        free(offload);
        return NULL;
}

int offload_run(Offload *offload, OffloadWork work, OffloadDone done, void *userdata) {
        Request *request = malloc(sizeof(Request));

        if (!request)
                return -ENOMEM;
        *request = (Request) { .work = work, .done = done, .userdata = userdata };

        (void) pthread_mutex_lock(&offload->mutex);
        queue_push(&offload->waiting, request);
        (void) pthread_cond_signal(&offload->wake);
        (void) pthread_mutex_unlock(&offload->mutex);
        return 0;
}
