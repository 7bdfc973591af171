#include "config/policy-schema.h"

int schema_release_age(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        VersionPolicy *policy = value;
        size_t before = problems->n_found;
        int r = schema_duration(field, node, &policy->minimum_release_age_usec, problems);

        policy->has_minimum_release_age = problems->n_found == before;
        return r;
}

int schema_prereleases(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        VersionPolicy *policy = value;
        size_t before = problems->n_found;
        bool wanted = false;
        int r = schema_bool(field, node, &wanted, problems);

        if (problems->n_found == before)
                policy->prereleases = wanted ? PRERELEASES_WANTED : PRERELEASES_NEVER;
        return r;
}

int schema_withdrawn(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        VersionPolicy *policy = value;
        int r = schema_expect(field, node, YAML_TEXT, problems);

        if (r <= 0)
                return r;
        if (streq(node->text, "keep"))
                policy->withdrawn = WITHDRAWN_KEEP;
        else if (streq(node->text, "hide"))
                policy->withdrawn = WITHDRAWN_HIDE;
        else
                return schema_problem(field, node, "'keep' or 'hide'", problems);
        return 0;
}
