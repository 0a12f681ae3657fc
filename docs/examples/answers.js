// A portal reads the answers to its submissions until Ctrl-C: node answers.js PORTAL. It keeps them in answers.jsonl.

const fs = require("node:fs");
const { Kafka: binding } = require("cloudevents");
const { Kafka, KafkaJSError, logLevel } = require("kafkajs");

const KAFKA = process.env.KAFKA || "localhost:9092";
const NAMESPACE = process.env.NAMESPACE || "pakn";
const { KAFKA_PASSWORD: PASSWORD, KAFKA_CA: CA } = process.env;
const FILE = "answers.jsonl";

/** A client that logs in by a password, over TLS where KAFKA_CA names the file of Kafka's CA. */
function client(user) {
  return new Kafka({
    brokers: [KAFKA],
    ssl: CA ? { ca: fs.readFileSync(CA) } : false,
    sasl: { mechanism: "scram-sha-512", username: user, password: PASSWORD },
    logLevel: logLevel.NOTHING,
    retry: { retries: 3 },
  });
}

/** What an answer says; undefined for a type that this program does not know. */
function line(type, answer) {
  const faults = (answer.faults || []).map((fault) => `${fault.field}: ${fault.message}`).join("; ");
  switch (type) {
    case "pakn.SubmissionRegistered.v1":
      return `${answer.submission_id} ${answer.code} is registered`;
    case "pakn.SubmissionProgressed.v1": {
      const words = answer.question || answer.reply || answer.reason || "";
      return `${answer.submission_id} ${answer.code} ${answer.step} ${words}`.trimEnd();
    }
    case "pakn.SubmissionRefused.v1":
      return `${answer.submission_id} is refused: ${faults}`;
    case "pakn.SenderActRefused.v1":
      return `${answer.act_id} is refused: ${faults}`;
  }
}

/** The ids of the answers that the file holds. */
function load() {
  const lines = fs.existsSync(FILE) ? fs.readFileSync(FILE, "utf8").split("\n").filter(Boolean) : [];
  const ids = lines.map((line) => {
    try {
      return JSON.parse(line).id;
    } catch {
      console.log(`Half a line in ${FILE} is passed over: its answer comes again.`);
    }
  });
  return new Set(ids.filter(Boolean));
}

/** Write an answer to the disk. The line break stands first, so that half a line of a crash is a line of its own. */
function keep({ id, type, data }) {
  fs.appendFileSync(FILE, `\n${JSON.stringify({ id, type, answer: data })}`, { flush: true });
}

/** Keep each answer once, then commit its offset: after a crash the answer comes again and changes nothing. */
async function answers(user, portal, stopped) {
  const kept = load();
  const kafka = client(user);
  const topic = `${NAMESPACE}.outbox.${portal}`;
  const consumer = kafka.consumer({ groupId: `${user}.answers`, allowAutoTopicCreation: false, readUncommitted: false });
  const failed = new Promise((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || reject(payload.error));
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        const headers = Object.fromEntries(Object.entries(message.headers).map(([name, text]) => [name, text.toString()]));
        const event = binding.toEvent({ headers, value: message.value.toString() });
        const said = line(event.type, event.data);
        if (said === undefined) { // New types may come.
          console.log(`${event.id} is passed over: ${event.type} is not known here`);
        } else if (!kept.has(event.id)) {
          keep(event);
          kept.add(event.id);
          console.log(said);
        }
        await consumer.commitOffsets([{ topic, partition, offset: String(BigInt(message.offset) + 1n) }]);
      },
    });
    await Promise.race([stopped, failed]);
    console.log(`Stopped; answers kept in ${FILE}: ${kept.size}`);
  } finally {
    await consumer.disconnect();
  }
}

async function main([portal, ...more]) {
  if (!portal || more.length) {
    return "A portal reads the answers to its submissions until Ctrl-C: node answers.js PORTAL";
  }
  const user = `${NAMESPACE}.portal.${portal}`;
  if (!PASSWORD) {
    return `Set KAFKA_PASSWORD to the password of ${user} (pakn access issue ${user}).`;
  }
  try {
    await answers(user, portal, new Promise((resolve) => process.once("SIGINT", resolve)));
  } catch (error) {
    if (!(error instanceof KafkaJSError)) throw error;
    const what = "set KAFKA and KAFKA_PASSWORD, name a portal of packs/vn/pack.yaml";
    return `Kafka at ${KAFKA} refuses ${user} or does not answer (${error.message}): ${what}.`;
  }
}

main(process.argv.slice(2)).then((complaint) => {
  if (complaint) {
    console.error(complaint);
    process.exitCode = 1;
  }
});
