#include "verify/pins.h"

#include <fcntl.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/list.h"
#include "base/log.h"
#include "base/names.h"
#include "base/text.h"
#include "worker/protocol.h"

#define FORMAT 1

typedef struct Write {
        Pins *pins; /* NULL: gone */
        int fd;
        char *text;
} Write;

struct Pins {
        Offload *offload;
        int fd;
        Pin *pins;
        size_t n_pins;
        bool damaged;
        Write *write; /* under way; one at a time, or an older text might come last */
        bool changed; /* since then */
};

static const char *const state_names[_PIN_STATE_MAX] = {
        [PIN_OFFERED] = "offered",
        [PIN_FIRST_USE] = "firstUse",
        [PIN_RECORDED] = "recorded",
        [PIN_ACCEPTED] = "accepted",
        [PIN_REFUSED] = "refused",
};

const char *pin_state_to_string(PinState state) {
        return state >= 0 && state < _PIN_STATE_MAX ? state_names[state] : NULL;
}

PinState pin_state_from_string(const char *string) {
        for (PinState state = 0; state < _PIN_STATE_MAX; state++)
                if (streq(state_names[state], string))
                        return state;
        return _PIN_STATE_INVALID;
}

bool pin_state_is_trusted(PinState state) {
        return state == PIN_FIRST_USE || state == PIN_RECORDED || state == PIN_ACCEPTED;
}

static void pin_clear(Pin *pin) {
        free(pin->provider_namespace);
        free(pin->fingerprint);
        free(pin->source);
        free(pin->user);
        *pin = (Pin) {};
}

static void clear_all(Pins *pins) {
        for (size_t i = 0; i < pins->n_pins; i++)
                pin_clear(&pins->pins[i]);
        free(pins->pins);
        pins->pins = NULL;
        pins->n_pins = 0;
}

Pins *pins_free(Pins *pins) {
        if (!pins)
                return NULL;
        if (pins->write)
                pins->write->pins = NULL;
        clear_all(pins);
        close_fd(pins->fd);
        free(pins);
        return NULL;
}

size_t pins_count(const Pins *pins) {
        return pins->n_pins;
}

const Pin *pins_at(const Pins *pins, size_t i) {
        return &pins->pins[i];
}

static Pin *find(const Pins *pins, const char *provider_namespace, const char *fingerprint) {
        for (size_t i = 0; i < pins->n_pins; i++)
                if (streq(pins->pins[i].provider_namespace, provider_namespace) &&
                        streq(pins->pins[i].fingerprint, fingerprint))
                        return &pins->pins[i];
        return NULL;
}

const Pin *pins_find(const Pins *pins, const char *provider_namespace, const char *fingerprint) {
        return find(pins, provider_namespace, fingerprint);
}

bool pins_are_damaged(const Pins *pins) {
        return pins->damaged;
}

bool pins_is_writing(const Pins *pins) {
        return pins->write;
}

/* Writing */

static int work(void *userdata) {
        const Write *write = userdata;

        return fs_write_file_durably(write->fd, PINS_FILE, write->text, strlen(write->text), 0644);
}

static void save(Pins *pins);

static void on_written(int result, void *userdata) {
        Write *write = userdata;
        Pins *pins = write->pins;

        /* Dropped before its turn, at the end: the last text is written here. */
        if (result == -ECANCELED)
                result = work(write);
        if (result < 0)
                log_error("Cannot keep which keys are pinned: %s", strerror(-result));
        close_fd(write->fd);
        free(write->text);
        free(write);
        if (!pins)
                return;
        pins->write = NULL;
        if (pins->changed)
                save(pins);
}

static void save(Pins *pins) {
        Write *write;
        int r;

        pins->changed = true;
        if (pins->write || !pins->offload)
                return;
        write = calloc(1, sizeof(Write));
        if (!write)
                return;
        *write = (Write) {
                .pins = pins, .fd = fcntl(pins->fd, F_DUPFD_CLOEXEC, 3), .text = pins_format(pins)
        };
        r = write->fd < 0  ? negative_errno()
            : !write->text ? -ENOMEM
                           : offload_run(pins->offload, work, on_written, write);
        if (r >= 0) {
                pins->write = write;
                pins->changed = false;
                return;
        }
        log_error("Cannot keep which keys are pinned: %s", strerror(-r));
        close_fd(write->fd);
        free(write->text);
        free(write);
}

static size_t count_in(const Pins *pins, const char *provider_namespace) {
        size_t n = 0;

        for (size_t i = 0; i < pins->n_pins; i++)
                n += streq(pins->pins[i].provider_namespace, provider_namespace);
        return n;
}

/* Text that is shown to people, cut to what the file takes. */
static int assign_text(char **to, const char *text) {
        _cleanup_free_ char *cut = NULL;
        char *printable;

        if (!text)
                return 0;
        cut = strndup(text, PIN_TEXT_MAX);
        printable = cut ? text_printable(cut) : NULL;
        if (!printable)
                return -ENOMEM;
        free(*to);
        *to = printable;
        return 0;
}

static int add(Pins *pins, const char *provider_namespace, const char *fingerprint, Pin **ret) {
        Pin pin = {};
        int r;

        if (pins->n_pins >= PINS_MAX || count_in(pins, provider_namespace) >= PINS_PER_NAMESPACE_MAX)
                return -ENOSPC;
        r = string_assign(&pin.provider_namespace, provider_namespace);
        if (r >= 0)
                r = string_assign(&pin.fingerprint, fingerprint);
        if (r >= 0)
                r = LIST_APPEND(pins->pins, pins->n_pins, pin);
        if (r < 0) {
                pin_clear(&pin);
                return r;
        }
        *ret = &pins->pins[pins->n_pins - 1];
        return 0;
}

int pins_set(Pins *pins, const char *provider_namespace, const char *fingerprint, PinState state,
        const char *source, const char *user) {
        Pin *pin = find(pins, provider_namespace, fingerprint);
        int r = 0;

        if (!pin)
                r = add(pins, provider_namespace, fingerprint, &pin);
        if (r >= 0)
                r = assign_text(&pin->source, source);
        if (r >= 0)
                r = assign_text(&pin->user, user);
        if (r < 0)
                return r;
        if (pin->state != state || pin->since_usec == 0)
                pin->since_usec = clock_realtime_usec();
        pin->state = state;
        pin->awaited = pin->awaited && !pin_state_is_trusted(state) && state != PIN_REFUSED;
        save(pins);
        return 0;
}

int pins_set_awaited(Pins *pins, const char *provider_namespace, const char *fingerprint) {
        Pin *pin = find(pins, provider_namespace, fingerprint);

        if (!pin)
                return -ENOENT;
        if (pin->awaited)
                return 0;
        pin->awaited = true;
        save(pins);
        return 1;
}

/* The file */

static int format_pin(json_object *array, const Pin *pin) {
        json_object *object = json_object_new_object();
        int r = json_append(array, object);

        if (r >= 0)
                r = json_set_string(object, "namespace", pin->provider_namespace);
        if (r >= 0)
                r = json_set_string(object, "fingerprint", pin->fingerprint);
        if (r >= 0)
                r = json_set_string(object, "state", pin_state_to_string(pin->state));
        if (r >= 0)
                r = json_set_bool(object, "awaited", pin->awaited);
        if (r >= 0)
                r = json_set_uint64(object, "since", pin->since_usec);
        if (r >= 0)
                r = json_set_string(object, "source", pin->source);
        return r < 0 ? r : json_set_string(object, "user", pin->user);
}

char *pins_format(const Pins *pins) {
        _cleanup_(json_unrefp) json_object *document = json_object_new_object();
        json_object *array = json_object_new_array();
        int r = document ? json_set(document, "pins", array) : -ENOMEM;

        if (!document)
                json_unref(array);
        if (r >= 0)
                r = json_set_uint64(document, "format", FORMAT);
        for (size_t i = 0; i < pins->n_pins && r >= 0; i++)
                r = format_pin(array, &pins->pins[i]);
        return r < 0 ? NULL : json_format(document, true);
}

static bool text_is_valid(const char *text) {
        _cleanup_free_ char *printable = text ? text_printable(text) : NULL;

        return !text || (printable && streq(printable, text) && strlen(text) <= PIN_TEXT_MAX);
}

static int parse_pin(Pins *pins, json_object *object, const char **ret_error) {
        const char *provider_namespace = NULL, *fingerprint = NULL, *state_name = NULL, *source = NULL,
                   *user = NULL;
        uint64_t since = 0;
        bool awaited = false;
        PinState state;
        Pin *pin;
        int r;

        *ret_error = "a malformed pin";
        if (!json_object_is_type(object, json_type_object) ||
                json_get_string(object, "namespace", &provider_namespace) <= 0 ||
                json_get_string(object, "fingerprint", &fingerprint) <= 0 ||
                json_get_string(object, "state", &state_name) <= 0 ||
                json_get_string(object, "source", &source) < 0 ||
                json_get_string(object, "user", &user) < 0 ||
                json_get_uint64(object, "since", &since) <= 0 ||
                json_get_bool(object, "awaited", &awaited) <= 0)
                return -EBADMSG;
        state = pin_state_from_string(state_name);
        if (!key_namespace_is_valid(provider_namespace) || !fingerprint_is_valid(fingerprint) || state < 0 ||
                !text_is_valid(source) || !text_is_valid(user))
                return -EBADMSG;
        *ret_error = "a pin that stands there twice, or too many";
        if (find(pins, provider_namespace, fingerprint))
                return -EBADMSG;
        r = add(pins, provider_namespace, fingerprint, &pin);
        if (r == -ENOSPC)
                return -EBADMSG;
        if (r < 0)
                return r;
        pin->state = state;
        pin->awaited = awaited;
        pin->since_usec = since;
        r = string_assign(&pin->source, source);
        return r < 0 ? r : string_assign(&pin->user, user);
}

int pins_parse(Pins *pins, const char *data, size_t size, const char **ret_error) {
        _cleanup_(json_unrefp) json_object *document = NULL;
        json_object *array = NULL, *element;
        uint64_t format = 0;
        int r;

        clear_all(pins);
        r = json_parse(data, size, &document, ret_error);
        if (r < 0)
                return r;
        if (!json_object_is_type(document, json_type_object) ||
                json_get_uint64(document, "format", &format) <= 0 || format != FORMAT ||
                json_get_array(document, "pins", &array) <= 0) {
                *ret_error = "it has another format";
                return -EBADMSG;
        }
        JSON_ARRAY_FOREACH (element, array) {
                r = parse_pin(pins, element, ret_error);
                if (r < 0) {
                        clear_all(pins);
                        return r;
                }
        }
        *ret_error = NULL;
        return 0;
}

int pins_new(Offload *offload, int directory_fd, Pins **ret) {
        _cleanup_(pins_freep) Pins *pins = calloc(1, sizeof(Pins));
        _cleanup_free_ char *data = NULL;
        const char *error = NULL;
        size_t size;
        int r;

        if (!pins)
                return -ENOMEM;
        pins->offload = offload;
        pins->fd = fcntl(directory_fd, F_DUPFD_CLOEXEC, 3);
        if (pins->fd < 0)
                return negative_errno();
        r = fs_read_file(pins->fd, PINS_FILE, PINS_FILE_SIZE_MAX, &data, &size);
        if (r >= 0)
                r = pins_parse(pins, data, size, &error);
        if (r == -ENOMEM)
                return r;
        if (r < 0 && r != -ENOENT) {
                pins->damaged = true;
                log_error("Cannot read " PINS_FILE
                          ", keys that were accepted are to be accepted again and none "
                          "is trusted on first use: %s",
                        error ? error : strerror(-r));
        }
        *ret = TAKE_PTR(pins);
        return 0;
}
