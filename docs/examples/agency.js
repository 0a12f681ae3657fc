// An agency accepts each case that is assigned to it, until Ctrl-C: node agency.js AGENCY. It keeps ids in agency.txt.

const fs = require("node:fs");
const { CloudEvent, Kafka: binding } = require("cloudevents");
const { Kafka, KafkaJSError, Partitioners, logLevel } = require("kafkajs");

const KAFKA = process.env.KAFKA || "localhost:9092";
const NAMESPACE = process.env.NAMESPACE || "pakn";
const { KAFKA_PASSWORD: PASSWORD, KAFKA_CA: CA } = process.env;
const FILE = "agency.txt";

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

/** Post an action. Its id follows from the fact's id: an action that is posted twice is one action. */
async function accept(producer, agency, fact) {
  const event = new CloudEvent({
    id: `${fact.id}-accept`,
    type: "pakn.AgencyAction.v1",
    source: `/${agency}`,
    data: { action: "accept", feedback_id: fact.data.feedback_id, actor: "an" },
  });
  // Structured mode: in binary mode this library sets headers to undefined, which kafkajs cannot send.
  await producer.send({ topic: `${NAMESPACE}.actions.${agency}`, acks: -1, messages: [binding.structured(event)] });
}

/** Write an id to the disk. The line break stands first, so that half a line of a crash is a line of its own. */
function keep(id) {
  fs.appendFileSync(FILE, `\n${id}`, { flush: true });
}

/** What a person wants to read of a fact. */
function said(data) {
  const fields = ["code", "title", "rule", "due_date"].filter((name) => name in data).map((name) => data[name]);
  const faults = data.faults ? [JSON.stringify(data.faults)] : [];
  return [...fields, ...faults, ...(data.set || []).map((clock) => `${clock.rule} until ${clock.due_date}`)];
}

/** Act on each new fact, keep its id, then commit its offset: in this order nothing is lost. */
async function work(user, agency, stopped) {
  const handled = new Set(fs.existsSync(FILE) ? fs.readFileSync(FILE, "utf8").split("\n").filter(Boolean) : []);
  const kafka = client(user);
  const topic = `${NAMESPACE}.assignments.${agency}`;
  const consumer = kafka.consumer({ groupId: `${user}.files`, allowAutoTopicCreation: false, readUncommitted: false });
  const producer = kafka.producer({
    idempotent: true,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  const failed = new Promise((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || reject(payload.error));
  });
  try {
    await Promise.all([consumer.connect(), producer.connect()]);
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        const headers = Object.fromEntries(Object.entries(message.headers).map(([name, text]) => [name, text.toString()]));
        const fact = binding.toEvent({ headers, value: message.value.toString() });
        if (!handled.has(fact.id)) {
          console.log(fact.type, ...said(fact.data));
          if (fact.type === "pakn.FeedbackAssigned.v1") await accept(producer, agency, fact);
          keep(fact.id);
          handled.add(fact.id);
        }
        await consumer.commitOffsets([{ topic, partition, offset: String(BigInt(message.offset) + 1n) }]);
      },
    });
    await Promise.race([stopped, failed]);
    console.log(`Stopped; facts handled, with their ids in ${FILE}: ${handled.size}`);
  } finally {
    await Promise.all([consumer.disconnect(), producer.disconnect()]);
  }
}

async function main([agency, ...more]) {
  if (!agency || more.length) {
    return "An agency accepts each case that is assigned to it, until Ctrl-C: node agency.js AGENCY";
  }
  const user = `${NAMESPACE}.agency.${agency}`;
  if (!PASSWORD) {
    return `Set KAFKA_PASSWORD to the password of ${user} (pakn access issue ${user}).`;
  }
  try {
    await work(user, agency, new Promise((resolve) => process.once("SIGINT", resolve)));
  } catch (error) {
    if (!(error instanceof KafkaJSError)) throw error;
    const what = "set KAFKA and KAFKA_PASSWORD, name an agency of packs/vn/agencies.csv";
    return `Kafka at ${KAFKA} refuses ${user} or does not answer (${error.message}): ${what}.`;
  }
}

main(process.argv.slice(2)).then((complaint) => {
  if (complaint) {
    console.error(complaint);
    process.exitCode = 1;
  }
});
