//! One list in every format.

use std::{fs::File, io::Write as _, sync::Arc};

use abide_import::{ListFile, ListReader};
use abide_model::IdentifierKind::Email;
use arrow_array::{RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;

use crate::world::{World, hints};

const LIST: [&str; 3] = ["jane@example.com", "max@example.com", "Joe.Public@Example.COM"];

/// Imports the file and expects the three of the list, and nobody else, out.
async fn check(name: &str, content: &[u8], said: &[&str]) {
    let world = World::new().await;
    let file = world.write(name, content);
    let said = [&["mechanism email.unsubscribe"], said].concat();
    let outcome = world.import(&file, &hints(&said)).await.unwrap();
    assert_eq!((outcome.tally.taken, outcome.tally.rows), (3, 3), "{name}");
    for email in LIST {
        assert_eq!(world.facts(Email, email).await, ["out email.unsubscribe * person"], "{name}");
    }
}

fn gz(content: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(content).unwrap();
    gz.finish().unwrap()
}

#[tokio::test]
async fn text() {
    let csv = format!("name,e-mail\nJ,{}\n\"M, the\",{}\nX,{}\n", LIST[0], LIST[1], LIST[2]);
    check("list.csv", csv.as_bytes(), &[]).await;
    check("list.tsv", csv.replace("\"M, the\"", "M").replace(',', "\t").as_bytes(), &[]).await;
    check("list.csv.gz", &gz(csv.as_bytes()), &[]).await;
    check("list.txt", format!("\u{feff}{}", LIST.join("\r\n")).as_bytes(), &[]).await;
    check("list", format!("email\n{}\n", LIST.join("\n")).as_bytes(), &[]).await;
    let numbered = format!("x;{}\ny;{}\nz;{}\n", LIST[0], LIST[1], LIST[2]);
    check("list.csv", numbered.as_bytes(), &["id #2=email", "no-header", "all-rows"]).await;
}

#[tokio::test]
async fn ndjson() {
    let flat: String = LIST.iter().map(|email| format!("{{\"n\": 1, \"email\": \"{email}\"}}\n")).collect();
    check("list.ndjson", flat.as_bytes(), &[]).await;
    let nested: String =
        LIST.iter().map(|email| format!("{{\"user\": {{\"contact.mail\": \"{email}\"}}}}\n")).collect();
    check("list.ndjson", nested.as_bytes(), &[]).await;
    let pathed: String =
        LIST.iter().map(|email| format!("{{\"user\": {{\"id\": [\"{email}\"]}}}}\n")).collect();
    check("list.ndjson", pathed.as_bytes(), &["id user.id=email"]).await;
}

#[tokio::test]
async fn parquet() {
    let emails: StringArray = LIST.iter().map(|email| Some(*email)).collect();
    let batch = RecordBatch::try_from_iter([("Email", Arc::new(emails) as _)]).unwrap();
    let world = World::new().await;
    let path = world.path("list.parquet");
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    check("list.parquet", &std::fs::read(&path).unwrap(), &[]).await;
}

/// A stream is read like a file of the same bytes, Parquet too, and its copy goes.
#[tokio::test]
async fn streams() {
    let world = World::new().await;
    let text = format!("email\n{}\n", LIST.join("\n"));
    let file = ListFile::spool(text.as_bytes(), "standard input", &world.path("")).unwrap();
    let hints = hints(&["mechanism email.unsubscribe"]);
    let mut reader = ListReader::open(vec![file], &hints, world.reader_config()).unwrap();
    reader.survey(&mut |_| ()).await.unwrap();
    let mut count = 0;
    let tally = reader
        .each_statement(&mut |_| (), |_, _| {
            count += 1;
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!((count, tally.taken), (3, 3));
    drop(reader);
    let left: Vec<_> =
        std::fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["store"]);
}

/// The digest in the record is that of the bytes on disk.
#[tokio::test]
async fn digest_of_the_file() {
    use abide_journal::Record;
    use sha2::{Digest as _, Sha256};

    let world = World::new().await;
    let content = gz(b"email\njane@example.com\n");
    let file = world.write("list.csv.gz", &content);
    world.import(&file, &hints(&["mechanism email.unsubscribe"])).await.unwrap();
    let records = world.records().await;
    let Some(Record::Batch(batch)) = records.last() else { panic!("the last record ends the batch") };
    assert_eq!(batch.file_sha256, Some(Sha256::digest(&content).into()));
}
