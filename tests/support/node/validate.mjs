// Compiles schemas and checks values with ajv in its strict mode and with Hyperjump's validator, as others' programs would.
// Argument: a file with {"schemas": {name: schema}, "values": [[name, value]]}. Standard output: for each validator
// {"broken": {name: why it does not compile}, "valid": [whether each value is]}.
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { registerSchema, setShouldValidateFormat, validate } from "@hyperjump/json-schema/draft-2020-12";
import "@hyperjump/json-schema/formats";

const { schemas, values } = JSON.parse(readFileSync(process.argv[2], "utf8"));

function withAjv() {
  const ajv = new Ajv2020({ strict: true, allErrors: true });
  addFormats.default(ajv);
  const compiled = {};
  const broken = {};
  for (const [name, schema] of Object.entries(schemas)) {
    try {
      compiled[name] = ajv.compile(schema);
    } catch (error) {
      broken[name] = String(error.message);
    }
  }
  return { broken, valid: values.map(([name, value]) => Boolean(compiled[name]?.(value))) };
}

async function withHyperjump() {
  setShouldValidateFormat(true);
  const compiled = {};
  const broken = {};
  for (const [name, schema] of Object.entries(schemas)) {
    try {
      registerSchema(schema);
      compiled[name] = await validate(schema.$id);
    } catch (error) {
      broken[name] = String(error.message);
    }
  }
  return { broken, valid: values.map(([name, value]) => Boolean(compiled[name]?.(value).valid)) };
}

console.log(JSON.stringify({ ajv: withAjv(), hyperjump: await withHyperjump() }));
