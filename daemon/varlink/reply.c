#include "varlink/reply.h"

int reply_value(sd_varlink *link, const char *name, sd_json_variant *value, int r) {
        sd_json_variant *message = NULL;

        if (r >= 0)
                r = sd_json_buildo(&message, SD_JSON_BUILD_PAIR_VARIANT(name, value));
        sd_json_variant_unref(value);
        if (r >= 0)
                r = sd_varlink_reply(link, message);
        sd_json_variant_unref(message);
        return r;
}

int reply_append(sd_json_variant **array, sd_json_variant *element, int r) {
        if (r >= 0)
                r = sd_json_variant_append_array(array, element);
        sd_json_variant_unref(element);
        return r;
}

int reply_array(sd_varlink *link, const char *name, sd_json_variant *array, int r) {
        if (r >= 0 && !array)
                r = sd_json_variant_new_array(&array, NULL, 0);
        return reply_value(link, name, array, r);
}

int reply_no_such_package(sd_varlink *link, const char *package) {
        return sd_varlink_errorbo(
                link, "io.defdev.opendepot.NoSuchPackage", SD_JSON_BUILD_PAIR_STRING("package", package));
}

int reply_no_such_version(sd_varlink *link, const char *package, const char *version) {
        return sd_varlink_errorbo(link, "io.defdev.opendepot.NoSuchVersion",
                SD_JSON_BUILD_PAIR_STRING("package", package),
                SD_JSON_BUILD_PAIR_STRING("version", version));
}
