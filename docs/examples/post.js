// A portal posts one submission: node post.js PORTAL OWN_ID FILE.json. Posting it again with the same OWN_ID is harmless.

const fs = require("node:fs");
const { CloudEvent, Kafka: binding } = require("cloudevents");
const { Kafka, KafkaJSError, Partitioners, logLevel } = require("kafkajs");

const KAFKA = process.env.KAFKA || "localhost:9092";
const NAMESPACE = process.env.NAMESPACE || "pakn";

/** Send the submission and return when Kafka has it on disk. */
async function post(portal, ownId, submission) {
  const kafka = new Kafka({ brokers: [KAFKA], logLevel: logLevel.NOTHING, retry: { retries: 3 } });
  const topic = `${NAMESPACE}.inbox.${portal}`;
  const admin = kafka.admin();
  const producer = kafka.producer({
    idempotent: true,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  try {
    await admin.connect();
    if (!(await admin.listTopics()).includes(topic)) {
      return `There is no topic ${topic}: name a portal of the pack (packs/vn/pack.yaml).`;
    }
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
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  }
}

async function main([portal, ownId, file, ...more]) {
  if (!file || more.length || !fs.existsSync(file)) {
    return "A portal posts one submission: node post.js PORTAL OWN_ID FILE.json";
  }
  try {
    return await post(portal, ownId, JSON.parse(fs.readFileSync(file, "utf8")));
  } catch (error) {
    if (!(error instanceof KafkaJSError)) throw error;
    return `Kafka at ${KAFKA} does not answer (set KAFKA): ${error.message}`;
  }
}

main(process.argv.slice(2)).then((complaint) => {
  if (complaint) {
    console.error(complaint);
    process.exitCode = 1;
  }
});
