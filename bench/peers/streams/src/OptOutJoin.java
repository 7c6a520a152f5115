import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Events of people who did not opt out, and no others: a join with a table of opt-outs.
 *
 * <p>Both topics have the address as their key already, normalised, so that nothing is parsed, mapped or sent through
 * another topic here; that is more than a user would find.
 */
public final class OptOutJoin {
    public static void main(String[] arguments) throws InterruptedException {
        if (arguments.length != 7) {
            System.err.println("usage: OptOutJoin SERVERS APPLICATION STATE THREADS EVENTS OPT_OUTS OUTPUT");
            System.exit(2);
        }
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[1]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[2]);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments[3]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        // The topic of opt-outs is its own changelog, rather than written a second time.
        settings.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
        settings.put(StreamsConfig.consumerPrefix("session.timeout.ms"), "6000");
        settings.put(StreamsConfig.consumerPrefix("heartbeat.interval.ms"), "1000");

        StreamsBuilder builder = new StreamsBuilder();
        KTable<Bytes, byte[]> optOuts = builder.table(
            arguments[5],
            Consumed.with(Serdes.Bytes(), Serdes.ByteArray()),
            Materialized.as("opt-outs"));
        builder.stream(arguments[4], Consumed.with(Serdes.Bytes(), Serdes.ByteArray()))
            .leftJoin(optOuts, (event, optOut) -> optOut == null ? event : null)
            .filter((email, event) -> event != null)
            .to(arguments[6], Produced.with(Serdes.Bytes(), Serdes.ByteArray()));

        KafkaStreams streams = new KafkaStreams(builder.build(settings), settings);
        CountDownLatch ended = new CountDownLatch(1);
        // A clean end leaves the state where the next start finds it.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(Duration.ofSeconds(60));
            ended.countDown();
        }));
        streams.start();
        ended.await();
    }
}
