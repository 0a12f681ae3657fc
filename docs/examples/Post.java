/** A portal posts one submission: java -cp 'jars/*' Post.java PORTAL OWN_ID FILE.json. Posting it again is harmless. */

import io.cloudevents.CloudEvent;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.kafka.CloudEventSerializer;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

class Post {
    static final String KAFKA = System.getenv().getOrDefault("KAFKA", "localhost:9092");
    static final String NAMESPACE = System.getenv().getOrDefault("NAMESPACE", "pakn");
    static final String PASSWORD = System.getenv().getOrDefault("KAFKA_PASSWORD", "");
    static final String CA = System.getenv().getOrDefault("KAFKA_CA", "");

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

    /** Send the submission and return when Kafka has it on disk. */
    static void post(String user, String portal, String ownId, byte[] submission) throws Exception {
        CloudEvent event = CloudEventBuilder.v1()
                .withId(ownId)
                .withType("pakn.PortalSubmission.v1")
                .withSource(URI.create("/" + portal))
                .withTime(OffsetDateTime.now(ZoneOffset.UTC))
                .withData("application/json", submission)
                .build();
        String topic = NAMESPACE + ".inbox." + portal;
        Map<String, Object> settings = login(user);
        settings.putAll(Map.of("acks", "all", "enable.idempotence", true, "max.block.ms", 10_000));
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new CloudEventSerializer())) {
            var kept = producer.send(new ProducerRecord<String, CloudEvent>(topic, event)).get();
            System.out.printf("%s is in %s, partition %d, offset %d%n", ownId, kept.topic(), kept.partition(), kept.offset());
        }
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 3 || !Files.isRegularFile(Path.of(arguments[2]))) {
            exit("A portal posts one submission: java -cp 'jars/*' Post.java PORTAL OWN_ID FILE.json");
        }
        String user = NAMESPACE + ".portal." + arguments[0];
        if (PASSWORD.isEmpty()) {
            exit("Set KAFKA_PASSWORD to the password of " + user + " (pakn access issue " + user + ").");
        }
        try {
            post(user, arguments[0], arguments[1], Files.readAllBytes(Path.of(arguments[2])));
        } catch (ExecutionException error) {
            exit("Kafka at " + KAFKA + " refuses " + user + " or does not answer (" + error.getCause().getMessage()
                    + "): set KAFKA and KAFKA_PASSWORD, name a portal of packs/vn/pack.yaml.");
        }
    }

    static void exit(String why) {
        System.err.println(why);
        System.exit(1);
    }
}
