//! However a file is cut and by however many threads it is read, the same is said.

use abide_formats::Limits;
use abide_import::Said;
use abide_model::Time;
use proptest::{collection::vec, prelude::*};

use crate::world::{World, hints};

fn row() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => ("[a-z]{1,8}", "(yes|no|)", "(2026-0[1-9]-1[0-9]|)").prop_map(|(name, flag, date)| format!("{name}@example.com,{flag},{date}")),
        1 => Just("\"quoted\"\" , name\"@example.com,yes,".to_owned()),
        1 => Just("\"two\nlines\",yes,".to_owned()),
        1 => Just("no address,yes,2026-01-01".to_owned()),
        1 => Just("ragged,row".to_owned()),
        1 => Just(String::new()),
    ]
}

async fn said(world: &World, content: &str, now: Time) -> (Vec<(String, Said)>, abide_import::Tally) {
    let file = world.write("list.csv", content);
    let hints = hints(&["id email=email", "flag out=email.unsubscribe", "at when"]);
    let files = vec![abide_import::ListFile::at(&file).unwrap()];
    let config = abide_import::ReaderConfig { now, ..world.reader_config() };
    let mut reader = abide_import::ListReader::open(files, &hints, config).unwrap();
    reader.survey(&mut |_| ()).await.unwrap();
    let mut all = Vec::new();
    let tally = reader
        .each_statement(&mut |_| (), |terms, said| {
            all.push((format!("{terms:?}"), said));
            Ok(())
        })
        .await
        .unwrap();
    (all, tally)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn chunks_and_threads_change_nothing(rows in vec(row(), 0..60), chunk_bytes in 16_usize..400, threads in 1_usize..5) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let content = format!("email,out,when\njane@example.com,yes,2026-01-01\n{}", rows.join("\n"));
            let mut world = World::new().await;
            let now = world.now();
            let (whole, whole_tally) = said(&world, &content, now).await;
            world.limits = Limits { chunk_bytes, ..Limits::default() };
            world.threads = threads;
            let (cut, cut_tally) = said(&world, &content, now).await;
            // Which row of its piece a statement came from depends on the cut, and nothing else does.
            let plain = |all: &[(String, Said)]| -> Vec<_> {
                all.iter().map(|(terms, said)| (terms.clone(), said.keys.clone(), said.stated_at)).collect()
            };
            assert_eq!(plain(&whole), plain(&cut));
            assert_eq!(whole_tally, cut_tally);
        });
    }
}
