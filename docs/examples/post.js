// A portal posts one submission: node post.js PORTAL OWN_ID FILE.json. Posting it again with the same OWN_ID is harmless.

const fs = require("node:fs");
const { CloudEvent, Kafka: binding } = require("cloudevents");
const { Kafka, KafkaJSError, Partitioners, logLevel } = require("kafkajs");

const KAFKA = process.env.KAFKA || "localhost:9092";
const NAMESPACE = process.env.NAMESPACE || "pakn";
const { KAFKA_PASSWORD: PASSWORD, KAFKA_CA: CA } = process.env;

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

/** Send the submission and return when Kafka has it on disk. */
async function post(user, portal, ownId, submission) {
  const kafka = client(user);
  const topic = `${NAMESPACE}.inbox.${portal}`;
  const producer = kafka.producer({
    idempotent: true,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  try {
    await producer.connect();
    const event = new CloudEvent({
      id: ownId,
      type: "pakn.PortalSubmission.v1",
      source: `/${portal}`,
      data: submission,
    });
    // Structured mode: in binary mode this library sets headers to undefined, which kafkajs cannot send.
    const [kept] = await producer.send({ topic, acks: -1, messages: [binding.structured(event)] });
    console.log(`${ownId} is in ${kept.topicName}, partition ${kept.partition}, offset ${kept.baseOffset}`);
  } finally {
    await producer.disconnect();
  }
}

async function main([portal, ownId, file, ...more]) {
  if (!file || more.length || !fs.existsSync(file)) {
    return "A portal posts one submission: node post.js PORTAL OWN_ID FILE.json";
  }
  const user = `${NAMESPACE}.portal.${portal}`;
  if (!PASSWORD) {
    return `Set KAFKA_PASSWORD to the password of ${user} (pakn access issue ${user}).`;
  }
  try {
    await post(user, portal, ownId, JSON.parse(fs.readFileSync(file, "utf8")));
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
