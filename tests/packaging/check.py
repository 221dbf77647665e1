"""Checks a file as the program does that reads it: `compose`, `kubernetes` or `prometheus`.

Prints as JSON what it found in the file, or ends with what is wrong."""

import json
import sys

kind, path = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    text = file.read()

if kind == "compose":
    import compose_spec
    import yaml

    # What YAML repeats by anchors is said out first: the model knows no merge keys.
    compose = compose_spec.PyCompose.from_yaml(yaml.safe_dump(yaml.safe_load(text)))
    compose.validate()
    found = compose.service_names()
elif kind == "kubernetes":
    import kubernetes_validate
    import yaml

    found = []
    for document in yaml.safe_load_all(text):
        # What is no part of Kubernetes itself is for others to check.
        if document["apiVersion"] != "keda.sh/v1alpha1":
            version = kubernetes_validate.latest_version()
            kubernetes_validate.validate(document, version, strict=True)
        found.append(document)
elif kind == "prometheus":
    from prometheus_client.parser import text_string_to_metric_families

    found = [(one.name, one.type, len(one.samples)) for one in text_string_to_metric_families(text)]
else:
    sys.exit(f"nobody reads {kind}")
print(json.dumps(found))
