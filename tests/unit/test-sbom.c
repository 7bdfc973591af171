#include "scan/sbom.h"

#include "base/text.h"
#include "fixtures.h"
#include "scan/report.h"
#include "text-source.h"

static const JsonStreamLimits limits = { .size_max = SBOM_SIZE_MAX, .element_max = MIB };

static int append(void *userdata, const void *data, size_t size) {
        return buffer_append(userdata, data, size);
}

static int refuse(void *userdata, const void *data, size_t size) {
        return -ENOSPC;
}

static JsonStream *stream_of(Source *source) {
        JsonStream *stream;

        check_int(json_stream_new(read_source, source, &limits, &stream), 0);
        return stream;
}

static SbomWriter *writer_to(Buffer *buffer) {
        SbomWriter *writer;

        check_int(sbom_writer_new(append, buffer, "0.68.2", &writer), 0);
        return writer;
}

static json_object *parse(const Buffer *buffer) {
        json_object *object;
        const char *error = NULL;

        if (json_parse(buffer->data, buffer->size, &object, &error) < 0)
                (void) fprintf(stderr, "%s\n%s\n", error, buffer->data);
        check(!error);
        return object;
}

/* The document of one binary that depends on two packages, one of which depends on the other. */
static Buffer make_one(const char *name) {
        _cleanup_(json_unrefp) json_object *depends_on = json_object_new_array();
        SbomPackage crypto = { "golang.org/x/crypto@v0.30.0", "golang.org/x/crypto", "v0.30.0",
                "pkg:golang/golang.org/x/crypto@v0.30.0", "gobinary" },
                    main_module = { "example.com/\"weak\"", "example.com/weak", .type = "gobinary",
                            .depends_on = depends_on };
        _cleanup_(sbom_writer_freep) SbomWriter *writer = NULL;
        Buffer buffer = {};

        check_int(json_append(depends_on, json_object_new_string(crypto.id)), 0);
        writer = writer_to(&buffer);
        check_int(sbom_writer_binary(writer, name, "gobinary"), 0);
        check_int(sbom_writer_package(writer, &main_module), 0);
        check_int(sbom_writer_package(writer, &crypto), 0);
        check_int(sbom_writer_finish(writer), 0);
        return buffer;
}

static json_object *component(json_object *document, size_t index) {
        json_object *components;

        check_int(json_get_array(document, "components", &components), 1);
        check(index < json_object_array_length(components));
        return json_object_array_get_idx(components, index);
}

static void check_member(json_object *object, const char *key, const char *expected) {
        const char *text = NULL;

        check_int(json_get_string(object, key, &text), expected ? 1 : 0);
        check_string(text, expected);
}

/* What the component number `index` in the list of dependencies depends on, as text. */
static void check_depends(json_object *document, const char *ref, const char *expected) {
        json_object *dependencies, *element, *list;
        const char *text = NULL;

        check_int(json_get_array(document, "dependencies", &dependencies), 1);
        JSON_ARRAY_FOREACH (element, dependencies) {
                check_int(json_get_string(element, "ref", &text), 1);
                if (!streq(text, ref))
                        continue;
                check_int(json_get_array(element, "dependsOn", &list), 1);
                check_string(json_object_to_json_string_ext(
                                     list, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                        expected);
                return;
        }
        check(!expected);
}

static void test_one(void) {
        Buffer buffer = make_one("terraform-provider-weak_v1.0.0");
        _cleanup_(json_unrefp) json_object *document = parse(&buffer);

        check_member(document, "bomFormat", "CycloneDX");
        check_member(component(document, 0), "name", "terraform-provider-weak_v1.0.0");
        check_member(component(document, 0), "type", "application");
        check_member(component(document, 0), "bom-ref", "1/");
        check_member(component(document, 1), "version", NULL);
        check_member(component(document, 2), "purl", "pkg:golang/golang.org/x/crypto@v0.30.0");
        check_depends(document, "opendepot", "[\"1/\"]");
        check_depends(document, "1/", "[\"1/example.com/\\\"weak\\\"\",\"1/golang.org/x/crypto@v0.30.0\"]");
        check_depends(document, "1/example.com/\"weak\"", "[\"1/golang.org/x/crypto@v0.30.0\"]");
        check_depends(document, "1/golang.org/x/crypto@v0.30.0", NULL);
        buffer_clear(&buffer);
}

static void test_merged(void) {
        Buffer one = make_one("a"), two = make_one("b"), merged = {};
        _cleanup_(sbom_writer_freep) SbomWriter *writer = writer_to(&merged);
        _cleanup_(json_unrefp) json_object *document = NULL;
        const Buffer *documents[] = { &one, &two };
        _cleanup_free_ char *error = NULL;

        for (size_t i = 0; i < 2; i++) {
                Source source = { documents[i]->data, documents[i]->size };
                _cleanup_(json_stream_freep) JsonStream *stream = stream_of(&source);
                _cleanup_free_ char *name = NULL;

                check_int(sbom_merge(writer, stream, i ? "second" : "first", &name, &error), 0);
                check_string(error, NULL);
                check_int(json_stream_finish(stream), 0);
                check_string(name, i ? "b" : "a");
        }
        check_int(sbom_writer_finish(writer), 0);
        document = parse(&merged);
        check_member(component(document, 0), "name", "first");
        check_member(component(document, 3), "name", "second");
        check_member(component(document, 5), "bom-ref", "2/golang.org/x/crypto@v0.30.0");
        check_depends(document, "opendepot", "[\"1/\",\"2/\"]");
        check_depends(document, "2/example.com/\"weak\"", "[\"2/golang.org/x/crypto@v0.30.0\"]");
        check_depends(document, "2/", "[\"2/example.com/\\\"weak\\\"\",\"2/golang.org/x/crypto@v0.30.0\"]");
        buffer_clear(&one);
        buffer_clear(&two);
        buffer_clear(&merged);
}

static void check_refused(const char *text, const char *expected) {
        Buffer merged = {};
        _cleanup_(sbom_writer_freep) SbomWriter *writer = writer_to(&merged);
        Source source = { text, strlen(text) };
        _cleanup_(json_stream_freep) JsonStream *stream = stream_of(&source);
        char *error = NULL;

        check_int(sbom_merge(writer, stream, "name", NULL, &error), -EBADMSG);
        check_message(error, expected);
        buffer_clear(&merged);
}

#define APPLICATION                                                                                         \
        "{\"type\":\"application\",\"name\":\"x\",\"properties\":[{\"name\":\"aquasecurity:trivy:Type\","   \
        "\"value\":"                                                                                        \
        "\"gobinary\"}]}"

static void test_refused(void) {
        check_refused("[]", "not an object");
        check_refused("{}", "the document names no binary");
        check_refused("{\"components\":{}}", "a member is not an array");
        check_refused("{\"components\":[null]}", "component: expected an object, found null");
        check_refused("{\"components\":[{\"type\":\"library\"}]}", "component: a component of no binary");
        check_refused("{\"components\":[{\"type\":\"application\",\"name\":\"x\",\"properties\":[]}]}",
                "component.properties: lack aquasecurity:trivy:Type");
        check_refused("{\"components\":[" APPLICATION "," APPLICATION "]}", "component: a second binary");
        check_refused("{\"dependencies\":[]}", "the document names no binary before what depends on what");
        check_refused("{\"components\":[" APPLICATION
                      "],\"dependencies\":[{\"ref\":\"1/a\",\"dependsOn\":[\"x\"]}]}",
                "dependency.dependsOn[0]: is no reference of a package");
        check_refused("{\"components\":[" APPLICATION "]", "truncated at byte 118");
}

static void test_writing_fails(void) {
        SbomWriter *writer = NULL;

        check_int(sbom_writer_new(refuse, NULL, NULL, &writer), -ENOSPC);
        check(!writer);
}

/* What a report's binary is made of, as it is written while the report is read. */
static void test_recorded(void) {
        Buffer buffer = {};
        _cleanup_(sbom_writer_freep) SbomWriter *writer = writer_to(&buffer);
        _cleanup_(json_unrefp) json_object *document = NULL;
        _cleanup_free_ char *data = NULL, *error = NULL;
        ScanReport report = {};
        Source source = {};
        JsonStream *stream;

        data = read_fixture("trivy/recorded/rootfs-gobinary.json", &source.size);
        source.text = data;
        stream = stream_of(&source);
        check_int(scan_report_read(stream, writer, &report, &error), 0);
        json_stream_free(stream);
        check_int(sbom_writer_finish(writer), 0);
        document = parse(&buffer);
        check_member(component(document, 0), "name", "terraform-provider-weak_v1.0.0");
        check_member(component(document, 3), "purl", "pkg:golang/golang.org/x/crypto@v0.30.0");
        check_depends(document, "1/example.com/terraform-provider-weak",
                "[\"1/golang.org/x/crypto@v0.30.0\",\"1/stdlib@v1.26.8\"]");
        scan_report_clear(&report);
        buffer_clear(&buffer);
}

int main(void) {
        test_one();
        test_merged();
        test_refused();
        test_writing_fails();
        test_recorded();
        return EXIT_SUCCESS;
}
