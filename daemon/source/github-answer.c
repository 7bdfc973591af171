#include "source/github-answer.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define MESSAGE_SHOWN_MAX 200

static bool token_is_valid(const char *token) {
        for (const char *c = token; *c; c++)
                if (*c <= ' ' || *c > '~')
                        return false;
        return !isempty(token) && strnlen(token, SECRET_SIZE_MAX + 1) <= SECRET_SIZE_MAX;
}

int github_parse_token(char *data, size_t size, Secret *ret, uint64_t *ret_expires_usec, char **ret_error) {
        _cleanup_(json_unrefp) json_object *object = NULL;
        const char *token = NULL, *expires = NULL, *error = NULL;
        uint64_t expires_usec;
        int r;

        r = json_parse(data, size, &object, &error);
        explicit_bzero(data, size);
        if (r < 0 || !json_object_is_type(object, json_type_object)) {
                text_set(ret_error, "token: %s", error ? error : "not an object");
                return -EBADMSG;
        }
        if (json_get_string(object, "token", &token) <= 0) {
                text_set(ret_error, "token: the answer holds none");
                return -EBADMSG;
        }
        if (!token_is_valid(token)) {
                text_set(ret_error, "token: what the answer holds is none");
                r = -EBADMSG;
        } else if (json_get_string(object, "expires_at", &expires) <= 0 ||
                   clock_parse(expires, &expires_usec) < 0) {
                text_set(ret_error, "token: the answer does not say when it ends");
                r = -EBADMSG;
        } else
                r = secret_assign(ret, token, strlen(token));
        explicit_bzero((char *) token, strlen(token));
        if (r < 0)
                return r;
        *ret_expires_usec = expires_usec;
        return 0;
}

int github_parse_installation(const char *data, size_t size, uint64_t *ret_id, char **ret_error) {
        _cleanup_(json_unrefp) json_object *object = NULL;
        const char *error = NULL;
        uint64_t id = 0;

        if (json_parse(data, size, &object, &error) < 0 || !json_object_is_type(object, json_type_object)) {
                text_set(ret_error, "installation: %s", error ? error : "not an object");
                return -EBADMSG;
        }
        if (json_get_uint64(object, "id", &id) <= 0 || id == 0 || id > INT64_MAX) {
                text_set(ret_error, "installation: the answer holds no ID");
                return -EBADMSG;
        }
        *ret_id = id;
        return 0;
}

char *github_parse_message(const char *data, size_t size, const char *secret) {
        _cleanup_(json_unrefp) json_object *object = NULL;
        _cleanup_free_ char *cut = NULL;
        const char *message = NULL;

        if (json_parse(data, size, &object, NULL) < 0 || !json_object_is_type(object, json_type_object) ||
                json_get_string(object, "message", &message) <= 0 || isempty(message))
                return NULL;
        if (!isempty(secret) && strstr(message, secret))
                return NULL;
        cut = strndup(message, MESSAGE_SHOWN_MAX);
        return cut ? text_printable(cut) : NULL;
}
