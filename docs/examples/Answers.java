/** A portal keeps the answers to its submissions until Ctrl-C, in answers.jsonl: java -cp 'jars/*' Answers.java PORTAL. */

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cloudevents.CloudEvent;
import io.cloudevents.kafka.CloudEventDeserializer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;

class Answers {
    static final String KAFKA = System.getenv().getOrDefault("KAFKA", "localhost:9092");
    static final String NAMESPACE = System.getenv().getOrDefault("NAMESPACE", "pakn");
    static final String PASSWORD = System.getenv().getOrDefault("KAFKA_PASSWORD", "");
    static final String CA = System.getenv().getOrDefault("KAFKA_CA", "");
    static final ObjectMapper JSON = new ObjectMapper();
    static final Path FILE = Path.of("answers.jsonl");
    static final Set<String> kept = new HashSet<>();

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

    /** What an answer says; null for a type that this program does not know. */
    static String line(String type, JsonNode answer) {
        List<String> faults = new ArrayList<>();
        answer.path("faults").forEach(fault -> faults.add(fault.path("field").asText() + ": " + fault.path("message").asText()));
        String submission = answer.path("submission_id").asText(), code = answer.path("code").asText();
        return switch (type) {
            case "pakn.SubmissionRegistered.v1" -> submission + " " + code + " is registered";
            case "pakn.SubmissionProgressed.v1" ->
                    (submission + " " + code + " " + answer.path("step").asText() + " " + words(answer)).stripTrailing();
            case "pakn.SubmissionRefused.v1" -> submission + " is refused: " + String.join("; ", faults);
            case "pakn.SenderActRefused.v1" -> answer.path("act_id").asText() + " is refused: " + String.join("; ", faults);
            default -> null;
        };
    }

    /** What the sender is asked or told. */
    static String words(JsonNode answer) {
        return Stream.of("question", "reply", "reason").map(answer::path).filter(JsonNode::isTextual).map(JsonNode::asText)
                .findFirst().orElse("");
    }

    /** Keep each answer once, then commit its offset: after a crash the answer comes again and changes nothing. */
    static void answers(KafkaConsumer<String, CloudEvent> consumer) throws IOException {
        while (true) {
            for (ConsumerRecord<String, CloudEvent> record : consumer.poll(Duration.ofSeconds(1))) {
                CloudEvent event = record.value();
                JsonNode answer = JSON.readTree(event.getData().toBytes());
                String said = line(event.getType(), answer);
                if (said == null) { // New types may come.
                    System.out.println(event.getId() + " is passed over: " + event.getType() + " is not known here");
                } else if (!kept.contains(event.getId())) {
                    keep(event, answer);
                    System.out.println(said);
                }
            }
            consumer.commitSync();
        }
    }

    /** Write an answer to the disk. The line break stands first, so that half a line of a crash is a line of its own. */
    static void keep(CloudEvent event, JsonNode answer) throws IOException {
        ObjectNode line = JSON.createObjectNode().put("id", event.getId()).put("type", event.getType()).set("answer", answer);
        Files.writeString(FILE, "\n" + line, StandardOpenOption.CREATE, StandardOpenOption.APPEND, StandardOpenOption.DSYNC);
        kept.add(event.getId());
    }

    /** Read the ids of the answers that are kept. */
    static void load() throws IOException {
        for (String line : Files.exists(FILE) ? Files.readAllLines(FILE) : List.<String>of()) {
            try {
                kept.add(JSON.readTree(line).path("id").asText());
            } catch (IOException half) {
                System.out.println("Half a line in " + FILE + " is passed over: its answer comes again.");
            }
        }
        kept.remove("");
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 1) {
            exit("A portal keeps the answers to its submissions until Ctrl-C: java -cp 'jars/*' Answers.java PORTAL");
        }
        String user = NAMESPACE + ".portal." + arguments[0];
        if (PASSWORD.isEmpty()) {
            exit("Set KAFKA_PASSWORD to the password of " + user + " (pakn access issue " + user + ").");
        }
        load();
        String topic = NAMESPACE + ".outbox." + arguments[0];
        Map<String, Object> settings = login(user);
        settings.putAll(Map.of(
                "group.id", user + ".answers",
                "auto.offset.reset", "earliest",
                "enable.auto.commit", false,
                "isolation.level", "read_committed",
                "allow.auto.create.topics", false));
        var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new CloudEventDeserializer());
        try {
            consumer.partitionsFor(topic, Duration.ofSeconds(10));
        } catch (KafkaException error) {
            exit("Kafka at " + KAFKA + " refuses " + user + " or does not answer (" + error.getMessage()
                    + "): set KAFKA and KAFKA_PASSWORD, name a portal of packs/vn/pack.yaml.");
        }
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(consumer, main)));
        try (consumer) {
            consumer.subscribe(List.of(topic));
            answers(consumer);
        } catch (WakeupException stopped) {
            System.out.println("Stopped; answers kept in " + FILE + ": " + kept.size());
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
