#include "varlink/why.h"

#include "manager/why.h"
#include "varlink/describe.h"
#include "varlink/reply.h"

struct WhyCall {
        WhyCalls *calls;
        WhyCall *previous, *next;
        sd_varlink *link;
        char *package;
        Why *why;
};

static void call_free(WhyCall *call) {
        if (call->previous)
                call->previous->next = call->next;
        else
                call->calls->first = call->next;
        if (call->next)
                call->next->previous = call->previous;
        why_cancel(call->why);
        sd_varlink_unref(call->link);
        free(call->package);
        free(call);
}

void why_calls_forget(WhyCalls *calls, const sd_varlink *link) {
        for (WhyCall *call = calls->first, *next; call; call = next) {
                next = call->next;
                if (!link || call->link == link)
                        call_free(call);
        }
}

static void on_answered(int r, Explanation *const *explanations, size_t n, void *userdata) {
        WhyCall *call = userdata;
        sd_varlink *link = sd_varlink_ref(call->link);
        _cleanup_free_ char *package = TAKE_PTR(call->package);
        sd_json_variant *array = NULL;

        call->why = NULL;
        call_free(call);
        for (size_t i = 0; i < n && r >= 0; i++) {
                sd_json_variant *element = NULL;

                r = describe_explanation(explanations[i], &element);
                r = reply_append(&array, element, r);
        }
        if (r >= 0 && n == 0)
                r = reply_no_such_package(link, package);
        else
                r = reply_array(link, "explanations", array, r);
        if (r < 0)
                (void) sd_varlink_error_errno(link, r);
        sd_varlink_unref(link);
}

static int call_new(WhyCalls *calls, sd_varlink *link, const char *package, WhyCall **ret) {
        WhyCall *call = calloc(1, sizeof(WhyCall));

        if (!call)
                return -ENOMEM;
        *call = (WhyCall) { .calls = calls, .link = sd_varlink_ref(link), .next = calls->first };
        if (call->next)
                call->next->previous = call;
        calls->first = call;
        if (string_assign(&call->package, package) < 0) {
                call_free(call);
                return -ENOMEM;
        }
        *ret = call;
        return 0;
}

typedef struct Parameters {
        const char *package, *version;
} Parameters;

int why_on_call(sd_varlink *link, sd_json_variant *parameters, Manager *manager, WhyCalls *calls) {
        static const sd_json_dispatch_field fields[] = {
                { "package", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
                        offsetof(Parameters, package), SD_JSON_MANDATORY },
                { "version", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
                        offsetof(Parameters, version), SD_JSON_MANDATORY },
                {},
        };
        _cleanup_(version_freep) Version *version = NULL;
        Parameters p = {};
        WhyCall *call;
        int r;

        r = sd_varlink_dispatch(link, parameters, fields, &p);
        if (r != 0)
                return r;
        r = version_parse(p.version, &version);
        if (r == -EINVAL)
                return sd_varlink_error_invalid_parameter_name(link, "version");
        if (r >= 0)
                r = call_new(calls, link, p.package, &call);
        if (r < 0)
                return r;
        r = why_start(manager, p.package, version, on_answered, call, &call->why);
        if (r < 0)
                call_free(call);
        return r == -ENOENT ? reply_no_such_package(link, p.package) : r;
}
