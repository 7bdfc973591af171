#include "verify/keys.h"

#include <fcntl.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/list.h"
#include "base/log.h"
#include "base/message-id.h"
#include "base/text.h"
#include "verify/key-ring.h"

#define REFRESH_USEC (24 * 60 * USEC_PER_MINUTE)
#define RETRY_USEC (5 * USEC_PER_MINUTE)
/* Without the key nothing can be published: below the delay after which a version is tried again. */
#define RETRY_MISSING_USEC (20 * USEC_PER_SEC)
/* What one namespace may hand out before the first of it was looked into. */
#define INSPECTIONS_MAX 256
#define SOURCE_FORMAT_MAX 512

/* A file or URL that the configuration names. */
typedef struct Source {
        Keys *keys;
        char *provider_namespace, *fingerprint; /* NULL: none is pinned */
        char *url, *file;
        char *seen; /* the text that was had last, whatever it is */
        size_t seen_size;
        bool usable;       /* a key was in it */
        uint64_t due_usec; /* boottime at which it is asked for again */
        char *problem;     /* why it could not be had */
        Transfer *transfer;
} Source;

/* A text that a worker is looking into. */
typedef struct Inspection {
        Keys *keys;
        Source *source; /* NULL: it was offered, or kept */
        KeyRing *ring;  /* it was kept for this one; NULL: it is from upstream */
        unsigned slot;
        char *provider_namespace, *origin; /* for people */
        char *data;
        size_t size;
        uint64_t order;
        WorkerJob *job;
} Inspection;

typedef struct Waiter {
        char *provider_namespace;
        KeysDone done;
        void *userdata;
} Waiter;

struct Keys {
        Fetcher *fetcher;
        Offload *offload;
        WorkerPool *workers;
        Pins *pins;
        int fd;
        bool trust_on_first_use;
        Source *sources;
        size_t n_sources;
        KeyRing **rings;
        size_t n_rings;
        Inspection **inspections;
        size_t n_inspections;
        uint64_t order;
        Waiter *waiters;
        size_t n_waiters;
};

static void source_clear(Source *source) {
        transfer_cancel(source->transfer);
        free(source->provider_namespace);
        free(source->fingerprint);
        free(source->url);
        free(source->file);
        free(source->seen);
        free(source->problem);
}

static Inspection *inspection_free(Inspection *inspection) {
        if (!inspection)
                return NULL;
        worker_job_cancel(inspection->job);
        free(inspection->provider_namespace);
        free(inspection->origin);
        free(inspection->data);
        free(inspection);
        return NULL;
}

Keys *keys_free(Keys *keys) {
        if (!keys)
                return NULL;
        for (size_t i = 0; i < keys->n_inspections; i++)
                inspection_free(keys->inspections[i]);
        free(keys->inspections);
        for (size_t i = 0; i < keys->n_sources; i++)
                source_clear(&keys->sources[i]);
        free(keys->sources);
        for (size_t i = 0; i < keys->n_rings; i++)
                key_ring_free(keys->rings[i]);
        free(keys->rings);
        for (size_t i = 0; i < keys->n_waiters; i++)
                free(keys->waiters[i].provider_namespace);
        free(keys->waiters);
        close_fd(keys->fd);
        free(keys);
        return NULL;
}

int keys_new(const KeysOptions *options, Keys **ret) {
        _cleanup_(keys_freep) Keys *keys = calloc(1, sizeof(Keys));
        const Settings *settings = options->settings;
        int r;

        if (!keys)
                return -ENOMEM;
        *keys = (Keys) {
                .fetcher = options->fetcher,
                .offload = options->offload,
                .workers = options->workers,
                .pins = options->pins,
                .fd = fcntl(options->directory_fd, F_DUPFD_CLOEXEC, 3),
                .trust_on_first_use = settings->trust_on_first_use,
        };
        if (keys->fd < 0)
                return negative_errno();
        keys->sources = calloc(MAX_OF(settings->n_keys, (size_t) 1), sizeof(Source));
        if (!keys->sources)
                return -ENOMEM;
        for (; keys->n_sources < settings->n_keys; keys->n_sources++) {
                const KeySetting *setting = &settings->keys[keys->n_sources];
                Source *source = &keys->sources[keys->n_sources];

                source->keys = keys;
                r = string_assign(&source->provider_namespace, setting->provider_namespace);
                if (r >= 0)
                        r = string_assign(&source->fingerprint, setting->fingerprint);
                if (r >= 0)
                        r = string_assign(&source->url, setting->url);
                if (r >= 0)
                        r = string_assign(&source->file, setting->file);
                if (r < 0) {
                        source_clear(source);
                        return r;
                }
        }
        *ret = TAKE_PTR(keys);
        return 0;
}

/* Trust */

static const Source *find_configured(
        const Keys *keys, const char *provider_namespace, const char *fingerprint) {
        for (size_t i = 0; i < keys->n_sources; i++)
                if (streq(keys->sources[i].provider_namespace, provider_namespace) &&
                        keys->sources[i].fingerprint &&
                        (!fingerprint || streq(keys->sources[i].fingerprint, fingerprint)))
                        return &keys->sources[i];
        return NULL;
}

bool keys_is_trusted(const Keys *keys, const char *provider_namespace, const char *fingerprint) {
        const Pin *pin = pins_find(keys->pins, provider_namespace, fingerprint);

        if (find_configured(keys, provider_namespace, fingerprint))
                return true;
        if (!pin)
                return false;
        /* Where the configuration names keys, only the operator adds to them. */
        return find_configured(keys, provider_namespace, NULL) ? pin->state == PIN_ACCEPTED
                                                               : pin_state_is_trusted(pin->state);
}

size_t keys_trusted(
        const Keys *keys, const char *provider_namespace, const char *ret[static KEY_FINGERPRINTS_MAX + 1]) {
        size_t n = 0;

        for (size_t i = 0; i < keys->n_sources && n < KEY_FINGERPRINTS_MAX; i++) {
                const Source *source = &keys->sources[i];

                /* The same key may be given with two addresses. */
                if (streq(source->provider_namespace, provider_namespace) && source->fingerprint &&
                        find_configured(keys, provider_namespace, source->fingerprint) == source)
                        ret[n++] = source->fingerprint;
        }
        for (size_t i = 0; i < pins_count(keys->pins) && n < KEY_FINGERPRINTS_MAX; i++) {
                const Pin *pin = pins_at(keys->pins, i);

                if (streq(pin->provider_namespace, provider_namespace) &&
                        !find_configured(keys, provider_namespace, pin->fingerprint) &&
                        keys_is_trusted(keys, provider_namespace, pin->fingerprint))
                        ret[n++] = pin->fingerprint;
        }
        ret[n] = NULL;
        return n;
}

void keys_learn(Keys *keys, const char *provider_namespace, const Record *record) {
        _cleanup_free_ char *source = text_format("the record of %s", record->package);

        if (find_configured(keys, provider_namespace, NULL))
                return;
        for (size_t i = 0; i < record->n_versions; i++) {
                const RecordVersion *version = record->versions[i];
                const Pin *pin;

                if (version->state != VERSION_PUBLISHED || !version->key_fingerprint)
                        continue;
                pin = pins_find(keys->pins, provider_namespace, version->key_fingerprint);
                if (pin && pin->state != PIN_OFFERED)
                        continue;
                if (pins_set(keys->pins, provider_namespace, version->key_fingerprint, PIN_RECORDED, source,
                            NULL) < 0)
                        log_warning("%s: the key %s of its versions cannot be pinned: too many are known",
                                record->package, version->key_fingerprint);
        }
}

int keys_pin(Keys *keys, const char *provider_namespace, const char *fingerprint) {
        const char *trusted[KEY_FINGERPRINTS_MAX + 1];
        const Pin *pin;
        int r;

        if (keys_is_trusted(keys, provider_namespace, fingerprint))
                return 0;
        pin = pins_find(keys->pins, provider_namespace, fingerprint);
        if (keys_trusted(keys, provider_namespace, trusted) > 0 || !keys->trust_on_first_use ||
                pins_are_damaged(keys->pins) || (pin && pin->state == PIN_REFUSED))
                return -EEXIST;
        r = pins_set(keys->pins, provider_namespace, fingerprint, PIN_FIRST_USE, NULL, NULL);
        if (r >= 0)
                log_entry(LOG_NOTICE, MESSAGE_KEY_PINNED, NULL,
                        "Namespace %s: the key %s is trusted on first use; from now on others are held",
                        provider_namespace, fingerprint);
        return r;
}

char *keys_await(Keys *keys, const char *provider_namespace, const char *fingerprint) {
        const char *trusted[KEY_FINGERPRINTS_MAX + 1];
        const Pin *pin = pins_find(keys->pins, provider_namespace, fingerprint);
        _cleanup_free_ char *reason = NULL;
        Buffer others = {};

        (void) keys_trusted(keys, provider_namespace, trusted);
        for (const char **other = trusted; *other; other++)
                (void) buffer_append_format(&others, "%s%s", others.size > 0 ? " or " : "", *other);
        if (pin && pin->state == PIN_REFUSED)
                text_set(&reason, "signed by key %s, which was refused for namespace %s; pinned is %s",
                        fingerprint, provider_namespace, others.data ? others.data : "none");
        else
                text_set(&reason,
                        "signed by key %s, pinned for namespace %s is %s; held until the operator accepts "
                        "it: "
                        "opendepotctl keys accept %s %s",
                        fingerprint, provider_namespace, others.data ? others.data : "none",
                        provider_namespace, fingerprint);
        buffer_clear(&others);

        if (pins_set_awaited(keys->pins, provider_namespace, fingerprint) > 0)
                log_entry(LOG_WARNING, MESSAGE_KEY_CHANGED, &(LogContext) { .reason = reason },
                        "Namespace %s: upstream signs with another key now: %s", provider_namespace,
                        strempty(reason));
        return TAKE_PTR(reason);
}

static int keys_decide(Keys *keys, const char *provider_namespace, const char *fingerprint, PinState state) {
        if (!pins_find(keys->pins, provider_namespace, fingerprint))
                return -ENOENT;
        return pins_set(keys->pins, provider_namespace, fingerprint, state, NULL, NULL);
}

int keys_accept(Keys *keys, const char *provider_namespace, const char *fingerprint) {
        int r;

        if (find_configured(keys, provider_namespace, fingerprint))
                return 0;
        r = keys_decide(keys, provider_namespace, fingerprint, PIN_ACCEPTED);
        if (r >= 0)
                log_entry(LOG_NOTICE, MESSAGE_KEY_ACCEPTED, NULL,
                        "Namespace %s: the operator accepts the key %s", provider_namespace, fingerprint);
        return r;
}

int keys_refuse(Keys *keys, const char *provider_namespace, const char *fingerprint) {
        int r;

        if (find_configured(keys, provider_namespace, fingerprint))
                return -EPERM;
        r = keys_decide(keys, provider_namespace, fingerprint, PIN_REFUSED);
        if (r >= 0)
                log_entry(LOG_NOTICE, MESSAGE_KEY_REFUSED, NULL,
                        "Namespace %s: the operator refuses the key %s", provider_namespace, fingerprint);
        return r;
}

/* Texts */

static KeyRing *find_ring(const Keys *keys, const char *fingerprint) {
        for (size_t i = 0; i < keys->n_rings; i++)
                if (streq(keys->rings[i]->fingerprint, fingerprint))
                        return keys->rings[i];
        return NULL;
}

static void load_ring(Keys *keys, const char *provider_namespace, KeyRing *ring);

/* What was kept is looked into when the ring comes to be: later, a file may be one that this run has written. */
static KeyRing *find_or_add_ring(Keys *keys, const char *provider_namespace, const char *fingerprint) {
        KeyRing *ring = find_ring(keys, fingerprint);

        if (ring || key_ring_new(fingerprint, &ring) < 0)
                return ring;
        if (LIST_APPEND(keys->rings, keys->n_rings, ring) < 0)
                return key_ring_free(ring);
        load_ring(keys, provider_namespace, ring);
        return ring;
}

static const char *source_address(const Source *source) {
        return source->url ? source->url : source->file;
}

/* "the key 2FCA…" or, where none is pinned, "the key of namespace acme". */
static void set_problem(Source *source, const char *verb, const char *reason) {
        if (source->fingerprint)
                text_set(&source->problem, "cannot %s the key %s: %s", verb, source->fingerprint, reason);
        else
                text_set(&source->problem, "cannot %s the key of namespace %s from %s: %s", verb,
                        source->provider_namespace, source_address(source), reason);
}

static bool has_text(const Keys *keys, const Source *source) {
        const KeyRing *ring = source->fingerprint ? find_ring(keys, source->fingerprint) : NULL;

        return source->fingerprint ? ring && ring->n_copies > 0 : source->usable;
}

static void source_failed(Source *source, const char *verb, const char *reason) {
        bool at_hand = has_text(source->keys, source);

        source->due_usec = clock_boottime_usec() + (at_hand ? RETRY_USEC : RETRY_MISSING_USEC);
        set_problem(source, verb, reason);
        log_warning("%s%s", strempty(source->problem), at_hand ? "; the copy at hand is used on" : "");
}

static void deliver_waiting(Keys *keys);

/* A key that stands in a text from upstream. */
static void take_key(Inspection *inspection, const WorkerKey *key) {
        Keys *keys = inspection->keys;
        const Pin *pin = pins_find(keys->pins, inspection->provider_namespace, key->fingerprint);
        KeyRing *ring;
        int r = 0;

        if (!pin && !find_configured(keys, inspection->provider_namespace, key->fingerprint))
                r = pins_set(keys->pins, inspection->provider_namespace, key->fingerprint, PIN_OFFERED,
                        inspection->origin, key->user);
        else if (pin && !pin->user)
                r = pins_set(keys->pins, inspection->provider_namespace, key->fingerprint, pin->state, NULL,
                        key->user);
        if (r < 0) {
                log_warning("Namespace %s: the key %s from %s is not considered: %s",
                        inspection->provider_namespace, key->fingerprint, inspection->origin,
                        r == -ENOSPC ? "too many are known" : strerror(-r));
                return;
        }
        ring = find_or_add_ring(keys, inspection->provider_namespace, key->fingerprint);
        if (!ring)
                return;
        r = key_ring_add(ring, keys->offload, keys->fd, inspection->data, inspection->size, key,
                inspection->order, KEY_COPIES_MAX);
        if (r > 0 && ring->n_copies > 1)
                log_notice(
                        "Namespace %s: the key %s was issued again; older copies of it are kept beside it",
                        inspection->provider_namespace, key->fingerprint);
}

static void take_texts(Inspection *inspection, const WorkerReport *report) {
        Keys *keys = inspection->keys;
        Source *source = inspection->source;
        KeyRing *ring = inspection->ring;
        bool found = false;

        for (size_t i = 0; i < report->n_keys; i++) {
                const WorkerKey *key = &report->keys[i];

                if (!ring)
                        take_key(inspection, key);
                else if (streq(key->fingerprint, ring->fingerprint))
                        (void) key_ring_add(ring, keys->offload, keys->fd, inspection->data,
                                inspection->size, key, inspection->order, inspection->slot);
                found = found || (source && streq_ptr(key->fingerprint, source->fingerprint));
        }
        if (!source)
                return;
        source->usable = true;
        free(TAKE_PTR(source->problem));
        if (source->fingerprint && !found)
                log_warning("%s holds the key %s instead of %s", source_address(source),
                        report->keys[0].fingerprint, source->fingerprint);
}

static void on_inspected(const WorkerReport *report, void *userdata) {
        Inspection *inspection = userdata;
        Keys *keys = inspection->keys;
        Source *source = inspection->source;

        inspection->job = NULL;
        for (size_t i = 0; i < keys->n_inspections; i++)
                if (keys->inspections[i] == inspection) {
                        keys->inspections[i] = keys->inspections[--keys->n_inspections];
                        break;
                }
        if (inspection->ring)
                inspection->ring->reserved &= ~(1U << inspection->slot);
        if (report->result == WORKER_OK)
                take_texts(inspection, report);
        else if (source) {
                /* What could not be looked into may be a key all the same. */
                if (report->result != WORKER_REFUSED)
                        free(TAKE_PTR(source->seen));
                source->usable = false;
                source_failed(source, "use", strempty(report->message));
        } else if (report->result != WORKER_CANCELLED)
                log_warning("Namespace %s: a key from %s cannot be used: %s", inspection->provider_namespace,
                        inspection->origin, strempty(report->message));
        inspection_free(inspection);
        deliver_waiting(keys);
}

/* Lets a worker look into the text (taken over). `order` 0: newer than all before. */
static int inspect(Keys *keys, const Inspection *template, const char *origin, char *data, size_t size,
        uint64_t order) {
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_KEYS);
        Inspection *inspection = calloc(1, sizeof(Inspection));
        const char *provider_namespace = template->provider_namespace;
        int r;

        if (!inspection) {
                free(data);
                return -ENOMEM;
        }
        *inspection = *template;
        inspection->keys = keys;
        inspection->provider_namespace = strdup(provider_namespace);
        inspection->origin = strndup(origin, SOURCE_FORMAT_MAX);
        inspection->data = data;
        inspection->size = size;
        inspection->order = order > 0 ? order : clock_realtime_usec() + keys->order++;
        r = !inspection->provider_namespace || !inspection->origin ? -ENOMEM
            : keys->n_inspections >= INSPECTIONS_MAX               ? -ENOBUFS
                                                                   : 0;
        if (r >= 0)
                r = request.input_fd = fs_memory_file("key", data, size);
        if (r >= 0)
                r = worker_pool_submit(keys->workers, &request, on_inspected, inspection, &inspection->job);
        if (r >= 0)
                r = LIST_APPEND(keys->inspections, keys->n_inspections, inspection);
        if (r < 0)
                inspection_free(inspection);
        return r;
}

/* The texts that an earlier run has kept, or this one before a reload. */
static void load_ring(Keys *keys, const char *provider_namespace, KeyRing *ring) {
        for (unsigned slot = 0; slot < KEY_COPIES_MAX; slot++) {
                uint64_t modified;
                char *data;
                size_t size;

                if (key_ring_read(ring, keys->fd, slot, &data, &size, &modified) < 0)
                        continue;
                ring->reserved |= 1U << slot;
                if (inspect(keys,
                            &(Inspection) { .provider_namespace = (char *) provider_namespace,
                                    .ring = ring,
                                    .slot = slot },
                            "the state directory", data, size, MAX_OF(modified, (uint64_t) 1)) < 0)
                        ring->reserved &= ~(1U << slot);
        }
}

/* A text of the source has come (taken over). */
static void source_take(Source *source, char *data, size_t size) {
        int r = 0;

        if (source->seen && source->seen_size == size && memcmp(source->seen, data, size) == 0) {
                free(data);
                if (source->usable)
                        free(TAKE_PTR(source->problem));
                else
                        source->due_usec = clock_boottime_usec() + RETRY_MISSING_USEC;
                return;
        }
        free(source->seen);
        source->seen = malloc(size + 1);
        source->seen_size = size;
        if (source->seen)
                memcpy(source->seen, data, size);
        r = inspect(source->keys,
                &(Inspection) { .provider_namespace = source->provider_namespace, .source = source },
                source_address(source), data, size, 0);
        if (r < 0)
                source_failed(source, "use", strerror(-r));
}

static void on_fetched(const FetchResponse *response, void *userdata) {
        Source *source = userdata;

        source->transfer = NULL;
        if (response->result == FETCH_OK && response->body->size > 0) {
                source->due_usec = clock_boottime_usec() + REFRESH_USEC;
                source_take(source, TAKE_PTR(response->body->data), response->body->size);
        } else
                source_failed(source, "fetch", response->error ? response->error : "empty answer");
        deliver_waiting(source->keys);
}

static void refresh_file(Source *source) {
        _cleanup_close_ int fd = open(source->file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        char *data;
        size_t size;
        int r;

        r = fd < 0 ? negative_errno() : fs_read_fd(fd, KEY_TEXT_SIZE_MAX, &data, &size);
        if (r >= 0) {
                source_take(source, data, size);
                return;
        }
        if (source->fingerprint)
                text_set(&source->problem, "cannot read the key %s from %s: %s", source->fingerprint,
                        source->file, strerror(-r));
        else
                set_problem(source, "read", strerror(-r));
}

/* Asks for the key if it is due. What is at hand is used meanwhile only if it is not. */
static void source_refresh(Source *source) {
        int r;

        if (source->transfer || (source->due_usec > 0 && source->due_usec > clock_boottime_usec()))
                return;
        if (source->file) {
                refresh_file(source);
                return;
        }
        r = fetcher_start(source->keys->fetcher,
                &(FetchRequest) {
                        .url = source->url,
                        .size_max = KEY_TEXT_SIZE_MAX,
                        .on_done = on_fetched,
                        .userdata = source,
                },
                &source->transfer);
        if (r < 0)
                set_problem(source, "fetch", strerror(-r));
}

int keys_offer(
        Keys *keys, const char *provider_namespace, const char *source, const char *text, size_t size) {
        char *data;

        if (size == 0 || size > KEY_TEXT_SIZE_MAX)
                return -EBADMSG;
        /* The same key comes with every version. */
        for (size_t i = 0; i < keys->n_rings; i++)
                for (size_t j = 0; j < keys->rings[i]->n_copies; j++)
                        if (keys->rings[i]->copies[j].size == size &&
                                memcmp(keys->rings[i]->copies[j].data, text, size) == 0 &&
                                (pins_find(keys->pins, provider_namespace, keys->rings[i]->fingerprint) ||
                                        find_configured(
                                                keys, provider_namespace, keys->rings[i]->fingerprint)))
                                return 0;
        for (size_t i = 0; i < keys->n_inspections; i++)
                if (streq(keys->inspections[i]->provider_namespace, provider_namespace) &&
                        !keys->inspections[i]->ring && keys->inspections[i]->size == size &&
                        memcmp(keys->inspections[i]->data, text, size) == 0)
                        return 0;
        data = malloc(size + 1);
        if (!data)
                return -ENOMEM;
        memcpy(data, text, size);
        return inspect(keys, &(Inspection) { .provider_namespace = (char *) provider_namespace }, source,
                data, size, 0);
}

/* Asking */

static bool is_busy(const Keys *keys, const char *provider_namespace) {
        for (size_t i = 0; i < keys->n_sources; i++)
                if (keys->sources[i].transfer &&
                        streq(keys->sources[i].provider_namespace, provider_namespace))
                        return true;
        for (size_t i = 0; i < keys->n_inspections; i++)
                if (streq(keys->inspections[i]->provider_namespace, provider_namespace))
                        return true;
        return false;
}

static void add_texts(const Keys *keys, const char *fingerprint, bool trusted, KeySet *set) {
        const KeyRing *ring = find_ring(keys, fingerprint);

        for (size_t i = 0; ring && i < ring->n_copies && set->n_texts < ELEMENTSOF(set->texts); i++) {
                const KeyCopy *copy = &ring->copies[i];
                bool known = false;

                for (size_t j = 0; j < set->n_texts; j++)
                        known = known || (set->texts[j].size == copy->size &&
                                                 memcmp(set->texts[j].data, copy->data, copy->size) == 0);
                if (!known)
                        set->texts[set->n_texts++] =
                                (KeyText) { ring->fingerprint, trusted, copy->data, copy->size };
        }
}

static void collect(const Keys *keys, const char *provider_namespace, KeySet *set) {
        size_t n = keys_trusted(keys, provider_namespace, set->fingerprints);

        set->first_use = n == 0 && keys->trust_on_first_use && !pins_are_damaged(keys->pins);
        for (size_t i = 0; i < n; i++)
                add_texts(keys, set->fingerprints[i], true, set);
        for (size_t i = 0; i < pins_count(keys->pins); i++) {
                const Pin *pin = pins_at(keys->pins, i);
                bool tried = set->first_use && pin->state == PIN_OFFERED;

                if (!streq(pin->provider_namespace, provider_namespace) ||
                        keys_is_trusted(keys, provider_namespace, pin->fingerprint))
                        continue;
                if (tried && n < KEY_FINGERPRINTS_MAX)
                        set->fingerprints[n++] = pin->fingerprint;
                add_texts(keys, pin->fingerprint, tried, set);
        }
        set->fingerprints[n] = NULL;
}

/* Returns false while a key of the namespace is being asked for or looked into. */
static bool deliver(Keys *keys, const char *provider_namespace, KeysDone done, void *userdata) {
        const char *problem = NULL;
        bool any = false, trusted = false;
        KeySet set = {};

        if (is_busy(keys, provider_namespace))
                return false;
        for (size_t i = 0; i < keys->n_sources; i++)
                if (streq(keys->sources[i].provider_namespace, provider_namespace)) {
                        any = true;
                        problem = keys->sources[i].problem ? keys->sources[i].problem : problem;
                }
        collect(keys, provider_namespace, &set);
        for (size_t i = 0; i < set.n_texts; i++)
                trusted = trusted || set.texts[i].trusted;
        /* With nothing but keys that vouch for nothing, what could not be had is the better answer. */
        if (set.n_texts > 0 && (trusted || !problem))
                done(0, &set, NULL, userdata);
        else if (!any && !set.fingerprints[0] && set.n_texts == 0)
                done(-ENOKEY, NULL, "no key is configured for the namespace, and upstream names none",
                        userdata);
        else
                done(-EIO, NULL, problem ? problem : "no key could be had", userdata);
        return true;
}

static void deliver_waiting(Keys *keys) {
        for (size_t i = 0; i < keys->n_waiters;) {
                Waiter waiter = keys->waiters[i];

                /* Taken out first: the callback may ask again or forget others. */
                memmove(&keys->waiters[i], &keys->waiters[i + 1], (--keys->n_waiters - i) * sizeof(Waiter));
                if (deliver(keys, waiter.provider_namespace, waiter.done, waiter.userdata)) {
                        free(waiter.provider_namespace);
                        i = 0;
                        continue;
                }
                memmove(&keys->waiters[i + 1], &keys->waiters[i], (keys->n_waiters++ - i) * sizeof(Waiter));
                keys->waiters[i++] = waiter;
        }
}

int keys_get(Keys *keys, const char *provider_namespace, KeysDone done, void *userdata) {
        Waiter waiter = { .done = done, .userdata = userdata };
        int r;

        for (size_t i = 0; i < keys->n_sources; i++)
                if (streq(keys->sources[i].provider_namespace, provider_namespace)) {
                        if (keys->sources[i].fingerprint)
                                (void) find_or_add_ring(
                                        keys, provider_namespace, keys->sources[i].fingerprint);
                        source_refresh(&keys->sources[i]);
                }
        for (size_t i = 0; i < pins_count(keys->pins); i++)
                if (streq(pins_at(keys->pins, i)->provider_namespace, provider_namespace))
                        (void) find_or_add_ring(
                                keys, provider_namespace, pins_at(keys->pins, i)->fingerprint);
        if (deliver(keys, provider_namespace, done, userdata))
                return 0;

        r = string_assign(&waiter.provider_namespace, provider_namespace);
        if (r >= 0)
                r = LIST_APPEND(keys->waiters, keys->n_waiters, waiter);
        if (r < 0)
                free(waiter.provider_namespace);
        return r;
}

void keys_ask_again(Keys *keys, const char *provider_namespace) {
        for (size_t i = 0; i < keys->n_sources; i++)
                if (streq(keys->sources[i].provider_namespace, provider_namespace))
                        keys->sources[i].due_usec = 0;
}

void keys_forget(Keys *keys, void *userdata) {
        size_t n = 0;

        for (size_t i = 0; i < keys->n_waiters; i++) {
                if (keys->waiters[i].userdata == userdata) {
                        free(keys->waiters[i].provider_namespace);
                        continue;
                }
                keys->waiters[n++] = keys->waiters[i];
        }
        keys->n_waiters = n;
}

/* Showing */

static void describe(
        const Keys *keys, const char *provider_namespace, const char *fingerprint, KeyInfo *ret) {
        const Source *source = find_configured(keys, provider_namespace, fingerprint);
        const Pin *pin = pins_find(keys->pins, provider_namespace, fingerprint);
        const KeyRing *ring = find_ring(keys, fingerprint);

        *ret = (KeyInfo) {
                .provider_namespace = provider_namespace,
                .fingerprint = fingerprint,
                .state = source ? "configured" : pin_state_to_string(pin->state),
                .source = source ? source_address(source) : pin->source,
                .user = ring && ring->user ? ring->user
                        : pin              ? pin->user
                                           : NULL,
                .trusted = keys_is_trusted(keys, provider_namespace, fingerprint),
                .awaited = !source && pin->awaited,
                .since_usec = source ? 0 : pin->since_usec,
                .n_copies = ring ? ring->n_copies : 0,
        };
}

bool keys_describe(const Keys *keys, size_t i, KeyInfo *ret) {
        for (size_t j = 0; j < keys->n_sources; j++) {
                const Source *source = &keys->sources[j];

                if (!source->fingerprint ||
                        find_configured(keys, source->provider_namespace, source->fingerprint) != source)
                        continue;
                if (i-- == 0) {
                        describe(keys, source->provider_namespace, source->fingerprint, ret);
                        return true;
                }
        }
        for (size_t j = 0; j < pins_count(keys->pins); j++) {
                const Pin *pin = pins_at(keys->pins, j);

                if (find_configured(keys, pin->provider_namespace, pin->fingerprint))
                        continue;
                if (i-- == 0) {
                        describe(keys, pin->provider_namespace, pin->fingerprint, ret);
                        return true;
                }
        }
        return false;
}
