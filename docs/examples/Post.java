/** A portal posts one submission: java -cp 'jars/*' Post.java PORTAL OWN_ID FILE.json. Posting it again is harmless. */

import io.cloudevents.CloudEvent;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.kafka.CloudEventSerializer;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.StringSerializer;

class Post {
    static final String KAFKA = System.getenv().getOrDefault("KAFKA", "localhost:9092");
    static final String NAMESPACE = System.getenv().getOrDefault("NAMESPACE", "pakn");

    /** Send the submission and return when Kafka has it on disk. */
    static void post(String topic, String portal, String ownId, byte[] submission) throws Exception {
        CloudEvent event = CloudEventBuilder.v1()
                .withId(ownId)
                .withType("pakn.PortalSubmission.v1")
                .withSource(URI.create("/" + portal))
                .withTime(OffsetDateTime.now(ZoneOffset.UTC))
                .withData("application/json", submission)
                .build();
        Map<String, Object> settings = Map.of("bootstrap.servers", KAFKA, "acks", "all", "enable.idempotence", true);
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new CloudEventSerializer())) {
            var kept = producer.send(new ProducerRecord<String, CloudEvent>(topic, event)).get();
            System.out.printf("%s is in %s, partition %d, offset %d%n", ownId, kept.topic(), kept.partition(), kept.offset());
        }
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 3 || !Files.isRegularFile(Path.of(arguments[2]))) {
            exit("A portal posts one submission: java -cp 'jars/*' Post.java PORTAL OWN_ID FILE.json");
        }
        String topic = NAMESPACE + ".inbox." + arguments[0];
        // A producer would ask for a topic that nobody makes until its time is over.
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", KAFKA))) {
            admin.describeTopics(List.of(topic), new DescribeTopicsOptions().timeoutMs(10_000)).allTopicNames().get();
        } catch (ExecutionException error) {
            boolean missing = error.getCause() instanceof UnknownTopicOrPartitionException;
            exit(missing
                    ? "There is no topic " + topic + ": name a portal of the pack (packs/vn/pack.yaml)."
                    : "Kafka at " + KAFKA + " does not answer (set KAFKA): " + error.getCause().getMessage());
        }
        post(topic, arguments[0], arguments[1], Files.readAllBytes(Path.of(arguments[2])));
    }

    static void exit(String why) {
        System.err.println(why);
        System.exit(1);
    }
}
