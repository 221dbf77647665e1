// Checks a manifest that is read from standard input by KEDA's own schema, which lies in a folder.
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

const models = `${process.argv[2]}/node_modules/@kubernetes-models/keda/keda.sh/v1alpha1/index.js`;
const { ScaledObject } = await import(pathToFileURL(models));
new ScaledObject(JSON.parse(await text(process.stdin))).validate();
