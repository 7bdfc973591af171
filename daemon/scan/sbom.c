#include "scan/sbom.h"

#include "base/clock.h"
#include "base/text.h"
#include "build-config.h"
#include "model/place.h"

#define PROPERTY_CLASS "aquasecurity:trivy:Class"
#define PROPERTY_TYPE "aquasecurity:trivy:Type"
#define PROPERTY_PACKAGE_ID "aquasecurity:trivy:PkgID"
#define PROPERTY_PACKAGE_TYPE "aquasecurity:trivy:PkgType"

#define NAME_MAX_BYTES 1024
#define ROOT_REF "opendepot"

struct SbomWriter {
        SbomSink sink;
        void *userdata;
        unsigned n_binaries;
        size_t n_packages;    /* of the binary that is being written */
        Buffer root;          /* what the document itself depends on: JSON strings, separated */
        Buffer binary;        /* the same of the binary */
        Buffer dependencies;  /* elements of "dependencies", separated */
        bool first_component; /* none has been written yet */
};

static int put(SbomWriter *writer, const char *text) {
        return writer->sink(writer->userdata, text, strlen(text));
}

/* Appends an element of a list. */
static int append(Buffer *list, json_object *value) {
        const char *text = json_object_to_json_string_ext(
                value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        int r = text ? 0 : -ENOMEM;

        if (r >= 0 && list->size > 0)
                r = buffer_append(list, ",\n", 2);
        return r < 0 ? r : buffer_append(list, text, strlen(text));
}

static int append_text(Buffer *list, const char *text) {
        _cleanup_(json_unrefp) json_object *value = json_object_new_string(text);

        return value ? append(list, value) : -ENOMEM;
}

static int put_component(SbomWriter *writer, json_object *component) {
        Buffer text = {};
        int r = append(&text, component);

        if (r >= 0 && !writer->first_component)
                r = put(writer, ",\n");
        if (r >= 0)
                r = writer->sink(writer->userdata, text.data, text.size);
        writer->first_component = false;
        buffer_clear(&text);
        return r;
}

static int add_property(json_object *array, const char *name, const char *value) {
        json_object *property = json_object_new_object();

        return json_append(array, property) < 0 || json_set_string(property, "name", name) < 0 ||
                               json_set_string(property, "value", value) < 0
                       ? -ENOMEM
                       : 0;
}

static int put_head(SbomWriter *writer, const char *scanner) {
        _cleanup_(json_unrefp) json_object *metadata = json_object_new_object();
        json_object *tools = json_object_new_object(), *components = json_object_new_array(),
                    *tool = json_object_new_object(), *component;
        char now[CLOCK_TEXT_SIZE];
        Buffer text = {};
        int r;

        clock_format(clock_realtime_usec(), now);
        if (!metadata || json_set_string(metadata, "timestamp", now) < 0 ||
                json_set(metadata, "tools", tools) < 0 || json_set(tools, "components", components) < 0 ||
                json_append(components, tool) < 0 || json_set_string(tool, "type", "application") < 0 ||
                json_set_string(tool, "name", "opendepot") < 0 ||
                json_set_string(tool, "version", OPENDEPOT_VERSION) < 0)
                return -ENOMEM;
        if (scanner) {
                tool = json_object_new_object();
                if (json_append(components, tool) < 0 || json_set_string(tool, "type", "application") < 0 ||
                        json_set_string(tool, "group", "aquasecurity") < 0 ||
                        json_set_string(tool, "name", "trivy") < 0 ||
                        json_set_string(tool, "version", scanner) < 0)
                        return -ENOMEM;
        }
        component = json_object_new_object();
        if (json_set(metadata, "component", component) < 0 ||
                json_set_string(component, "bom-ref", ROOT_REF) < 0 ||
                json_set_string(component, "type", "application") < 0 ||
                json_set_string(component, "name", "opendepot") < 0)
                return -ENOMEM;
        r = put(writer, "{\"$schema\":\"http://cyclonedx.org/schema/"
                        "bom-1.6.schema.json\",\"bomFormat\":\"CycloneDX\","
                        "\"specVersion\":\"1.6\",\"version\":1,\n\"metadata\":");
        if (r >= 0)
                r = append(&text, metadata);
        if (r >= 0)
                r = put(writer, text.data);
        if (r >= 0)
                r = put(writer, ",\n\"components\":[\n");
        buffer_clear(&text);
        return r;
}

int sbom_writer_new(SbomSink sink, void *userdata, const char *scanner, SbomWriter **ret) {
        _cleanup_(sbom_writer_freep) SbomWriter *writer = malloc(sizeof(SbomWriter));
        int r;

        if (!writer)
                return -ENOMEM;
        *writer = (SbomWriter) { .sink = sink, .userdata = userdata, .first_component = true };
        r = put_head(writer, scanner);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(writer);
        return 0;
}

SbomWriter *sbom_writer_free(SbomWriter *writer) {
        if (!writer)
                return NULL;
        buffer_clear(&writer->root);
        buffer_clear(&writer->binary);
        buffer_clear(&writer->dependencies);
        free(writer);
        return NULL;
}

/* "ref" depends on a list of JSON strings. */
static int append_dependency(SbomWriter *writer, const char *ref, const Buffer *depends_on) {
        _cleanup_(json_unrefp) json_object *value = json_object_new_string(ref);
        const char *text = value ? json_object_to_json_string_ext(
                                           value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                                 : NULL;

        if (!text)
                return -ENOMEM;
        return buffer_append_format(&writer->dependencies, "%s{\"ref\":%s,\"dependsOn\":[%s]}",
                writer->dependencies.size > 0 ? ",\n" : "", text,
                depends_on->size > 0 ? depends_on->data : "");
}

/* The name of the binary N itself, which no package of it has: their ids are not empty. */
static char *binary_ref(const SbomWriter *writer) {
        return text_format("%u/", writer->n_binaries);
}

static int end_binary(SbomWriter *writer) {
        _cleanup_free_ char *ref = binary_ref(writer);
        int r;

        if (writer->n_binaries == 0)
                return 0;
        r = ref ? append_dependency(writer, ref, &writer->binary) : -ENOMEM;
        buffer_clear(&writer->binary);
        writer->n_packages = 0;
        return r;
}

int sbom_writer_binary(SbomWriter *writer, const char *name, const char *type) {
        _cleanup_(json_unrefp) json_object *component = json_object_new_object();
        json_object *properties = json_object_new_array();
        _cleanup_free_ char *ref = NULL;
        int r;

        if (!component || json_set(component, "properties", properties) < 0)
                return -ENOMEM;
        if (writer->n_binaries >= SBOM_BINARIES_MAX)
                return -E2BIG;
        r = end_binary(writer);
        if (r < 0)
                return r;
        writer->n_binaries++;
        ref = binary_ref(writer);
        if (!ref || json_set_string(component, "bom-ref", ref) < 0 ||
                json_set_string(component, "type", "application") < 0 ||
                json_set_string(component, "name", name) < 0 ||
                add_property(properties, PROPERTY_CLASS, "lang-pkgs") < 0 ||
                add_property(properties, PROPERTY_TYPE, type) < 0 || append_text(&writer->root, ref) < 0)
                return -ENOMEM;
        return put_component(writer, component);
}

/* Notes on what the package depends; an edge of the graph is never worth more than its two ends. */
static int add_dependencies(SbomWriter *writer, const char *ref, json_object *depends_on) {
        Buffer list = {};
        json_object *element;
        int r = 0;

        if (!depends_on || json_object_array_length(depends_on) == 0)
                return 0;
        JSON_ARRAY_FOREACH (element, depends_on) {
                _cleanup_free_ char *other = NULL;

                if (!json_object_is_type(element, json_type_string))
                        r = -EBADMSG;
                else {
                        other = text_format("%u/%s", writer->n_binaries, json_object_get_string(element));
                        r = other ? append_text(&list, other) : -ENOMEM;
                }
                if (r < 0)
                        break;
        }
        if (r >= 0)
                r = append_dependency(writer, ref, &list);
        buffer_clear(&list);
        return r;
}

int sbom_writer_package(SbomWriter *writer, const SbomPackage *package) {
        _cleanup_(json_unrefp) json_object *component = json_object_new_object();
        _cleanup_free_ char *ref = text_format("%u/%s", writer->n_binaries, package->id);
        json_object *properties = json_object_new_array();
        int r;

        if (!component || !ref || json_set(component, "properties", properties) < 0)
                return -ENOMEM;
        if (writer->n_packages >= SBOM_PACKAGES_MAX)
                return -E2BIG;
        writer->n_packages++;
        if (json_set_string(component, "bom-ref", ref) < 0 ||
                json_set_string(component, "type", "library") < 0 ||
                json_set_string(component, "name", package->name) < 0 ||
                json_set_string(component, "version", package->version) < 0 ||
                json_set_string(component, "purl", package->purl) < 0 ||
                add_property(properties, PROPERTY_PACKAGE_ID, package->id) < 0 ||
                add_property(properties, PROPERTY_PACKAGE_TYPE, package->type) < 0 ||
                append_text(&writer->binary, ref) < 0)
                return -ENOMEM;
        r = put_component(writer, component);
        return r < 0 ? r : add_dependencies(writer, ref, package->depends_on);
}

int sbom_writer_finish(SbomWriter *writer) {
        int r = end_binary(writer);

        if (r >= 0)
                r = append_dependency(writer, ROOT_REF, &writer->root);
        if (r >= 0)
                r = put(writer, "],\n\"dependencies\":[\n");
        if (r >= 0)
                r = put(writer, writer->dependencies.data);
        return r < 0 ? r : put(writer, "]}\n");
}

static bool text_is_short(const char *text) {
        return !isempty(text) && strnlen(text, NAME_MAX_BYTES + 1) <= NAME_MAX_BYTES;
}

/* A member that is a text of bounded length. */
static int get_text(const Place *place, const char *key, PlaceNeed need, const char **ret) {
        int r = place_string(place, key, need, ret);

        if (r > 0 && !text_is_short(*ret))
                return place_refuse(place, key, "is empty or too long");
        return r;
}

/* The value of a property, in components of ours. */
static int get_property(const Place *place, const char *name, const char **ret) {
        Place array, element;
        int r;

        r = place_array(place, "properties", 16, PLACE_REQUIRED, &array);
        if (r < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(array.value); i++) {
                const char *text;

                r = place_element(&array, i, json_type_object, &element);
                if (r < 0 || (r = place_string(&element, "name", PLACE_REQUIRED, &text)) < 0)
                        return r;
                if (streq(text, name))
                        return get_text(&element, "value", PLACE_REQUIRED, ret);
        }
        return place_refuse(place, "properties", "lack %s", name);
}

/* A document on its way into another. */
typedef struct Merge {
        SbomWriter *writer;
        JsonStream *stream;
        const char *name; /* that its binary gets */
        char *known_as;   /* that it had; NULL: it was not seen yet */
        char **ret_error;
} Merge;

static int merge_binary(Merge *merge, const Place *place) {
        const char *name, *type;
        int r;

        if (merge->known_as)
                return place_refuse(place, NULL, "a second binary");
        r = get_text(place, "name", PLACE_REQUIRED, &name);
        if (r >= 0)
                r = get_property(place, PROPERTY_TYPE, &type);
        if (r >= 0)
                r = string_assign(&merge->known_as, name);
        return r < 0 ? r : sbom_writer_binary(merge->writer, merge->name, type);
}

static int merge_component(Merge *merge, const Place *place) {
        SbomPackage package = {};
        const char *type;
        int r;

        r = get_text(place, "type", PLACE_REQUIRED, &type);
        if (r < 0)
                return r;
        if (streq(type, "application"))
                return merge_binary(merge, place);
        if (!merge->known_as)
                return place_refuse(place, NULL, "a component of no binary");
        r = get_text(place, "name", PLACE_REQUIRED, &package.name);
        if (r >= 0)
                r = get_text(place, "version", PLACE_OPTIONAL, &package.version);
        if (r >= 0)
                r = get_text(place, "purl", PLACE_OPTIONAL, &package.purl);
        if (r >= 0)
                r = get_property(place, PROPERTY_PACKAGE_ID, &package.id);
        if (r >= 0)
                r = get_property(place, PROPERTY_PACKAGE_TYPE, &package.type);
        return r < 0 ? r : sbom_writer_package(merge->writer, &package);
}

/* A bom-ref of ours without its number: the id of the package, "" for the binary, NULL for the document itself. */
static const char *ref_to_id(const char *ref) {
        const char *slash = strchr(ref, '/');

        return slash ? slash + 1 : NULL;
}

static int merge_dependency(SbomWriter *writer, const Place *place) {
        _cleanup_(json_unrefp) json_object *ids = json_object_new_array();
        _cleanup_free_ char *joined = NULL;
        const char *ref, *id;
        Place array;
        int r;

        if (!ids)
                return -ENOMEM;
        r = get_text(place, "ref", PLACE_REQUIRED, &ref);
        if (r < 0)
                return r;
        id = ref_to_id(ref);
        if (isempty(id))
                return 0; /* those are written from what there is */
        r = place_array(place, "dependsOn", SBOM_PACKAGES_MAX, PLACE_REQUIRED, &array);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(array.value); i++) {
                const char *other;
                Place element;

                r = place_element(&array, i, json_type_string, &element);
                if (r >= 0)
                        r = place_text(&element, &other);
                if (r >= 0 && isempty(ref_to_id(other)))
                        r = place_refuse(&element, NULL, "is no reference of a package");
                if (r >= 0)
                        r = json_append(ids, json_object_new_string(ref_to_id(other)));
        }
        if (r < 0)
                return r;
        joined = text_format("%u/%s", writer->n_binaries, id);
        return joined ? add_dependencies(writer, joined, ids) : -ENOMEM;
}

static int merge_elements(Merge *merge, bool dependencies) {
        int r;

        r = json_stream_enter(merge->stream, '[');
        if (r == 0) {
                text_set(merge->ret_error, "a member is not an array");
                return -EBADMSG;
        }
        while (r >= 0 && (r = json_stream_next_element(merge->stream)) > 0) {
                _cleanup_(json_unrefp) json_object *value = NULL;
                Place place;

                r = json_stream_value(merge->stream, &value);
                if (r >= 0)
                        r = place_open(value, dependencies ? "dependency" : "component", json_type_object,
                                &place, merge->ret_error);
                if (r >= 0)
                        r = dependencies ? merge_dependency(merge->writer, &place)
                                         : merge_component(merge, &place);
        }
        return r;
}

static int merge_document(Merge *merge) {
        const char *key;
        int r;

        r = json_stream_enter(merge->stream, '{');
        if (r == 0) {
                text_set(merge->ret_error, "not an object");
                return -EBADMSG;
        }
        while (r >= 0 && (r = json_stream_next_member(merge->stream, &key)) > 0) {
                bool dependencies = streq(key, "dependencies");

                if (dependencies && !merge->known_as) {
                        text_set(merge->ret_error,
                                "the document names no binary before what depends on what");
                        r = -EBADMSG;
                } else if (dependencies || streq(key, "components"))
                        r = merge_elements(merge, dependencies);
        }
        if (r >= 0 && !merge->known_as) {
                text_set(merge->ret_error, "the document names no binary");
                return -EBADMSG;
        }
        return r;
}

int sbom_merge(SbomWriter *writer, JsonStream *stream, const char *name, char **ret_name, char **ret_error) {
        Merge merge = { .writer = writer, .stream = stream, .name = name, .ret_error = ret_error };
        int r = merge_document(&merge);

        if (r < 0 && !*ret_error && json_stream_error(stream))
                text_set(ret_error, "%s", json_stream_error(stream));
        if (r >= 0 && ret_name)
                *ret_name = TAKE_PTR(merge.known_as);
        free(merge.known_as);
        return MIN_OF(r, 0);
}
