#include "varlink/service.h"

#include "base/log.h"

static SD_VARLINK_DEFINE_METHOD(Ping);
static SD_VARLINK_DEFINE_METHOD(SetLogLevel,
        SD_VARLINK_FIELD_COMMENT(
                "The most verbose level that is shown, as in syslog: 0 (emergency) to 7 (debug)"),
        SD_VARLINK_DEFINE_INPUT(level, SD_VARLINK_INT, 0));

SD_VARLINK_DEFINE_INTERFACE(service_varlink, "io.systemd.service",
        SD_VARLINK_INTERFACE_COMMENT("Generic control of a service"),
        SD_VARLINK_SYMBOL_COMMENT("Answers if the service is alive"), &vl_method_Ping,
        SD_VARLINK_SYMBOL_COMMENT("Changes the log level until the next start"), &vl_method_SetLogLevel);

const sd_json_dispatch_field no_parameters[] = { {} };

int service_on_ping(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        int r = sd_varlink_dispatch(link, parameters, no_parameters, NULL);

        return r != 0 ? r : sd_varlink_reply(link, NULL);
}

int service_on_set_log_level(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        static const sd_json_dispatch_field fields[] = {
                { "level", SD_JSON_VARIANT_INTEGER, sd_json_dispatch_int, 0, SD_JSON_MANDATORY },
                {},
        };
        int level, r;

        r = sd_varlink_dispatch(link, parameters, fields, &level);
        if (r != 0)
                return r;
        if (level < LOG_EMERG || level > LOG_DEBUG)
                return sd_varlink_error_invalid_parameter_name(link, "level");
        log_set_max_level(level);
        return sd_varlink_reply(link, NULL);
}
