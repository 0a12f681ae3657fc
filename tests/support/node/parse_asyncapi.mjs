// Prints of each file that is named each fault, warning and remark that AsyncAPI's own parser has about the document in it.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const parser = new Parser();
const found = [];
for (const name of process.argv.slice(2)) {
  const said = await parser.validate(readFileSync(name, "utf8"));
  found.push(said.map(({ code, message, path }) => `${code} at ${path.join("/")}: ${message}`));
}
console.log(JSON.stringify(found));
