//! Outputs are whole or not there, and never where they would do harm.

use std::{
    io::{self, Write},
    path::Path,
};

use abide_formats::{Compression, Format, Limits};
use abide_model::{Forms, Keyring, OnCannotTell, Secret};
use abide_scrub::{Input, Job, Means, Outputs, Role, ScrubError, Sheet, Source, Target, run};

use crate::world::{World, input_of, options, scrub};

const PEOPLE: &[u8] = b"email\nfine@example.com\nout@example.com\nalso.fine@example.com\n";

fn blake3(bytes: &[u8]) -> String {
    ::blake3::hash(bytes).to_string()
}

/// What makes a report evidence.
#[test]
fn the_report_has_the_digests_of_what_went_in_and_out() {
    let world = World::new();
    let report = world.run(PEOPLE, Format::CSV, &scrub("contact.email")).unwrap();
    assert_eq!((report.input.rows, report.input.bytes), (3, PEOPLE.len() as u64));
    assert_eq!(report.input.blake3, Some(blake3(PEOPLE)));
    assert_eq!(report.outputs.iter().map(|output| output.rows).collect::<Vec<_>>(), [1, 0, 2]);
    for output in &report.outputs {
        let bytes = std::fs::read(&output.name).unwrap();
        assert_eq!(
            (output.bytes, &output.blake3),
            (bytes.len() as u64, &Some(blake3(&bytes))),
            "{}",
            output.name
        );
    }
}

#[test]
fn a_report_that_is_not_asked_for_digests_says_all_else() {
    let world = World::new();
    let with = world.run(PEOPLE, Format::CSV, &scrub("contact.email")).unwrap();
    let without = Job { digests: false, ..scrub("contact.email") };
    let without = world.run(PEOPLE, Format::CSV, &without).unwrap();
    assert_eq!((without.input.bytes, without.input.blake3), (with.input.bytes, None));
    for (without, with) in without.outputs.iter().zip(&with.outputs) {
        assert_eq!((without.rows, without.bytes, &without.blake3), (with.rows, with.bytes, &None));
    }
    assert_eq!(without.judged, with.judged);
}

/// A file that others may read stays one, and what stood there before is replaced.
#[cfg(unix)]
#[test]
fn an_output_replaces_what_was_there_and_has_ordinary_permissions() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let ordinary = std::fs::metadata(world.write("kept", b"old")).unwrap().permissions().mode();
    world.run(PEOPLE, Format::CSV, &scrub("contact.email")).unwrap();
    assert_eq!(world.read("kept"), "email\nfine@example.com\nalso.fine@example.com\n");
    assert_eq!(std::fs::metadata(world.path("kept")).unwrap().permissions().mode(), ordinary);
    assert_eq!(world.files(), ["blocked", "in", "kept", "unjudged"]);
}

/// The input breaks off in the middle, when much is written already.
#[test]
fn a_damaged_input_leaves_what_was_there() {
    let world = World::new();
    let mut text = b"email\n".to_vec();
    (0..200_000).for_each(|row| writeln!(text, "person{row}@example.com").unwrap());
    let whole = zstd::bulk::compress(&text, 1).unwrap();
    let path = world.write("in.csv.zst", &whole[..whole.len() / 2]);
    world.write("kept", b"old");
    let mut options = options(Format::CSV, Limits { chunk_bytes: 64 * 1024, ..Limits::default() });
    options.compression = Compression::Zstd;
    let input = Input { source: Source::File(path), options };
    let error = run(input, world.outputs(), &scrub("contact.email"), world.means()).unwrap_err();
    assert!(matches!(error, ScrubError::Format(_)), "{error}");
    assert_eq!(world.read("kept"), "old");
    assert_eq!(world.files(), ["in.csv.zst", "kept"]);
}

/// A disk that takes so many bytes and no more.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_stops_everything_wherever_it_strikes() {
    let mut text = b"email\n".to_vec();
    (0..50_000).for_each(|row| writeln!(text, "person{row}@example.com").unwrap());
    for room in [0, 3, 100_000, text.len() - 1] {
        let world = World::new();
        let path = world.write("in", &text);
        let stream = Target::Stream { name: "-".to_owned(), stream: Box::new(Full(room)) };
        let outputs = Outputs { kept: Some(stream), ..world.outputs() };
        let limits = Limits { chunk_bytes: 4096, ..Limits::default() };
        let input = input_of(&path, Format::CSV, limits);
        let error = run(input, outputs, &scrub("contact.email"), world.means()).unwrap_err();
        assert!(
            matches!(error, ScrubError::WriteOutput { .. } | ScrubError::SaveOutput { .. }),
            "{room} bytes: {error}"
        );
        assert_eq!(world.files(), ["in"], "{room} bytes: something was left");
    }
}

/// Nothing is put in the place of a device.
#[cfg(unix)]
#[test]
fn a_device_is_written_and_not_replaced() {
    use std::os::unix::fs::FileTypeExt as _;
    let world = World::new();
    let path = world.write("in", PEOPLE);
    let outputs = Outputs { kept: Some(Target::File("/dev/null".into())), ..Outputs::default() };
    run(input_of(&path, Format::CSV, Limits::default()), outputs, &scrub("contact.email"), world.means())
        .unwrap();
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[test]
fn outputs_that_would_do_harm_are_refused() {
    type Names = (&'static str, &'static str);
    let cases: [(&str, Names, &str); 6] = [
        ("the input itself", ("in.csv", "side.csv"), "is the input"),
        ("the input by another way", ("../{dir}/in.csv", "side.csv"), "is the input"),
        ("the input as a side file", ("kept.csv", "in.csv"), "is the input"),
        ("twice the same", ("kept.csv", "./kept.csv"), "two outputs"),
        ("another format", ("kept.parquet", "side.csv"), "promises Parquet"),
        ("a directory that is not there", ("nowhere/kept.csv", "side.csv"), "could not create"),
    ];
    for (about, (kept, blocked), says) in cases {
        let world = World::new();
        let path = world.write("in.csv", PEOPLE);
        let dir = world.dir.path().file_name().unwrap().to_str().unwrap().to_owned();
        let file = |name: &str| Some(Target::File(world.path(&name.replace("{dir}", &dir))));
        let outputs = Outputs { kept: file(kept), blocked: file(blocked), ..Outputs::default() };
        let input = input_of(&path, Format::CSV, Limits::default());
        let error = run(input, outputs, &scrub("contact.email"), world.means()).expect_err(about);
        assert!(error.to_string().contains(says), "{about}: {error}");
        assert_eq!(world.files(), ["in.csv"], "{about}");
        assert_eq!(world.read("in.csv").as_bytes(), PEOPLE, "{about}");
    }
}

/// `.gz` and `.zst` at the end of a name say how the output is packed, whatever the input is.
#[test]
fn the_name_says_how_an_output_is_compressed() {
    let world = World::new();
    let path = world.write("in.csv", PEOPLE);
    let outputs = Outputs { kept: Some(Target::File(world.path("kept.csv.zst"))), ..Outputs::default() };
    run(input_of(&path, Format::CSV, Limits::default()), outputs, &scrub("contact.email"), world.means())
        .unwrap();
    let packed = std::fs::read(world.path("kept.csv.zst")).unwrap();
    let text = zstd::stream::decode_all(packed.as_slice()).unwrap();
    assert_eq!(text, b"email\nfine@example.com\nalso.fine@example.com\n");
}

/// A list under another secret knows nobody: the keys hold nothing that could be told without it.
#[test]
fn keys_of_another_secret_match_nobody() {
    let world = World::new();
    let other = Keyring::new(&Secret::from_bytes([8; 32]), Forms::default());
    let path: &Path = &world.write("in.csv", PEOPLE);
    let means = Means { keyring: &other, ..world.means() };
    let input = input_of(path, Format::CSV, Limits::default());
    let report = run(input, world.outputs(), &scrub("contact.email"), means).unwrap();
    assert_eq!(report.judged[0].tally.allowed, 3);
}

/// Rows of several files in one table; those of a file that could not be done are not among them.
#[test]
fn a_sheet_takes_the_rows_of_all_files_that_were_done() {
    let world = World::new();
    let sheet = Sheet::create(&world.path("blocked.csv")).unwrap();
    let run_one = |name: &str, format: Format, text: &[u8], on_cannot_tell: OnCannotTell| {
        let path = world.write(name, text);
        let outputs = Outputs { blocked: Some(Target::Sheet(sheet.clone())), ..Outputs::default() };
        let mut input = input_of(&path, format, Limits { chunk_bytes: 16, ..Limits::default() });
        name.clone_into(&mut input.options.name);
        run(input, outputs, &Job { on_cannot_tell, ..scrub("contact.email") }, world.means())
    };
    let block = OnCannotTell::Block;
    run_one(
        "one.csv",
        Format::CSV,
        b"email,note\nfine@example.com,a\nout@example.com,\"b, \"\"c\"\"\"\n",
        block,
    )
    .unwrap();
    let failed =
        run_one("two.csv", Format::CSV, b"email,note\nout@example.com,\nnobody,\n", OnCannotTell::Fail);
    assert!(matches!(failed, Err(ScrubError::CannotTell { row: 2, .. })));
    let refused = run_one("three.csv", Format::CSV, b"email\nout@example.com\n", block);
    assert!(matches!(refused, Err(ScrubError::SheetColumns { .. })));
    run_one("four.tsv", Format::TSV, b"email\tnote\nboth@example.com\td\n", block).unwrap();
    assert!(!world.path("blocked.csv").exists(), "a sheet appears when it is saved");
    let report = sheet.save(Role::Blocked, true).unwrap();
    let expected =
        "file,row,email,note\none.csv,2,out@example.com,\"b, \"\"c\"\"\"\nfour.tsv,1,both@example.com,d\n";
    assert_eq!(world.read("blocked.csv"), expected);
    assert_eq!((report.rows, report.blake3), (2, Some(blake3(expected.as_bytes()))));
    drop(sheet);
    assert_eq!(world.files(), ["blocked.csv", "four.tsv", "one.csv", "three.csv", "two.csv"]);
}
