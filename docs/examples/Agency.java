/** An agency accepts each case that is assigned to it, until Ctrl-C: java -cp 'jars/*' Agency.java AGENCY. */

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cloudevents.CloudEvent;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.kafka.CloudEventDeserializer;
import io.cloudevents.kafka.CloudEventSerializer;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

class Agency {
    static final String KAFKA = System.getenv().getOrDefault("KAFKA", "localhost:9092");
    static final String NAMESPACE = System.getenv().getOrDefault("NAMESPACE", "pakn");
    static final String PASSWORD = System.getenv().getOrDefault("KAFKA_PASSWORD", "");
    static final String CA = System.getenv().getOrDefault("KAFKA_CA", "");
    static final ObjectMapper JSON = new ObjectMapper();
    static final Path FILE = Path.of("agency.txt");
    static final Set<String> handled = new HashSet<>();

    /** How a client connects: by a password, and over TLS where KAFKA_CA names the file of Kafka's CA. */
    static Map<String, Object> login(String user) {
        String module = "org.apache.kafka.common.security.scram.ScramLoginModule required";
        return new HashMap<>(Map.of(
                "bootstrap.servers", KAFKA,
                "security.protocol", CA.isEmpty() ? "SASL_PLAINTEXT" : "SASL_SSL",
                "ssl.truststore.type", "PEM",
                "ssl.truststore.location", CA,
                "sasl.mechanism", "SCRAM-SHA-512",
                "sasl.jaas.config", module + " username=\"" + user + "\" password=\"" + PASSWORD + "\";"));
    }

    /** Post an action. Its id follows from the fact's id: an action that is posted twice is one action. */
    static void accept(KafkaProducer<String, CloudEvent> producer, String agency, String factId, String feedbackId)
            throws Exception {
        JsonNode action = JSON.createObjectNode().put("action", "accept").put("feedback_id", feedbackId).put("actor", "an");
        CloudEvent event = CloudEventBuilder.v1()
                .withId(factId + "-accept")
                .withType("pakn.AgencyAction.v1")
                .withSource(URI.create("/" + agency))
                .withTime(OffsetDateTime.now(ZoneOffset.UTC))
                .withData("application/json", JSON.writeValueAsBytes(action))
                .build();
        producer.send(new ProducerRecord<String, CloudEvent>(NAMESPACE + ".actions." + agency, event)).get();
    }

    /** Act on each new fact, keep its id, then commit its offset: in this order nothing is lost. */
    static void work(KafkaConsumer<String, CloudEvent> consumer, KafkaProducer<String, CloudEvent> producer, String agency)
            throws Exception {
        while (true) {
            for (ConsumerRecord<String, CloudEvent> record : consumer.poll(Duration.ofSeconds(1))) {
                CloudEvent event = record.value();
                if (!handled.contains(event.getId())) {
                    JsonNode fact = JSON.readTree(event.getData().toBytes());
                    System.out.println(event.getType() + said(fact));
                    if (event.getType().equals("pakn.FeedbackAssigned.v1")) {
                        accept(producer, agency, event.getId(), fact.get("feedback_id").asText());
                    }
                    keep(event.getId());
                }
            }
            consumer.commitSync();
        }
    }

    /** What a person wants to read of a fact. */
    static String said(JsonNode fact) {
        StringBuilder line = new StringBuilder();
        for (String name : List.of("code", "title", "rule", "due_date", "faults")) {
            if (fact.has(name)) {
                line.append(" ").append(fact.get(name).isTextual() ? fact.get(name).asText() : fact.get(name));
            }
        }
        for (JsonNode clock : fact.path("set")) {
            line.append(" ").append(clock.get("rule").asText()).append(" until ").append(clock.get("due_date").asText());
        }
        return line.toString();
    }

    /** Write an id to the disk. The line break stands first, so that half a line of a crash is a line of its own. */
    static void keep(String id) throws IOException {
        Files.writeString(FILE, "\n" + id, StandardOpenOption.CREATE, StandardOpenOption.APPEND, StandardOpenOption.DSYNC);
        handled.add(id);
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 1) {
            exit("An agency accepts each case that is assigned to it, until Ctrl-C: java -cp 'jars/*' Agency.java AGENCY");
        }
        String user = NAMESPACE + ".agency." + arguments[0];
        if (PASSWORD.isEmpty()) {
            exit("Set KAFKA_PASSWORD to the password of " + user + " (pakn access issue " + user + ").");
        }
        if (Files.exists(FILE)) {
            handled.addAll(Files.readAllLines(FILE));
            handled.remove("");
        }
        String agency = arguments[0], topic = NAMESPACE + ".assignments." + agency;
        Map<String, Object> reading = login(user), writing = login(user);
        reading.putAll(Map.of(
                "group.id", user + ".files",
                "auto.offset.reset", "earliest",
                "enable.auto.commit", false,
                "isolation.level", "read_committed",
                "allow.auto.create.topics", false));
        writing.putAll(Map.of("acks", "all", "enable.idempotence", true));
        var consumer = new KafkaConsumer<>(reading, new StringDeserializer(), new CloudEventDeserializer());
        var producer = new KafkaProducer<>(writing, new StringSerializer(), new CloudEventSerializer());
        try {
            consumer.partitionsFor(topic, Duration.ofSeconds(10));
        } catch (KafkaException error) {
            exit("Kafka at " + KAFKA + " refuses " + user + " or does not answer (" + error.getMessage()
                    + "): set KAFKA and KAFKA_PASSWORD, name an agency of packs/vn/agencies.csv.");
        }
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(consumer, main)));
        try (consumer; producer) {
            consumer.subscribe(List.of(topic));
            work(consumer, producer, agency);
        } catch (WakeupException stopped) {
            System.out.println("Stopped; facts handled, with their ids in " + FILE + ": " + handled.size());
        }
    }

    /** Let the consumer leave its group when Ctrl-C ends the program, and wait until it has. */
    static void stop(KafkaConsumer<?, ?> consumer, Thread main) {
        consumer.wakeup();
        try {
            main.join();
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    static void exit(String why) {
        System.err.println(why);
        System.exit(1);
    }
}
