use abide_model::*;
use std::time::Instant;
fn main() {
    let n = Normaliser::new("US".parse().unwrap());
    for l in std::fs::read_to_string("/tmp/abide/pin_inputs.tsv").unwrap().lines() {
        let (k, t) = l.split_once('\t').unwrap();
        match n.raw(k.parse().unwrap(), t) {
            Ok(i) => println!(
                "{k}\t{t}\t{}\t{}",
                i.expose_texts().collect::<Vec<_>>().join(" "),
                i.primary().bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()
            ),
            Err(e) => println!("ERR {k} {t} {e}"),
        }
    }
    let bench = |name: &str, kind, texts: Vec<String>| {
        let mut id = Identifier::blank();
        for with in [false, true] {
            let start = Instant::now();
            let mut count = 0u64;
            let mut x = 0u8;
            for _ in 0..20 {
                for t in &texts {
                    n.raw_into(kind, t, &mut id).unwrap();
                    if with {
                        x ^= id.primary().bytes[0];
                    }
                    count += 1;
                }
            }
            eprintln!("{name} primary={with}: {} ns ({x})", start.elapsed().as_nanos() as u64 / count);
        }
    };
    bench(
        "email example",
        IdentifierKind::Email,
        (0..50000).map(|i| format!("Jane.Doe{i}@company{}.com", i % 977)).collect(),
    );
    bench(
        "email gmail dots",
        IdentifierKind::Email,
        (0..50000).map(|i| format!("Jane.Doe{i}+x@gmail.com")).collect(),
    );
    bench(
        "phone e164",
        IdentifierKind::Phone,
        (0..50000).map(|i| format!("+1201{:07}", 5550000 + i)).collect(),
    );
    bench(
        "phone national",
        IdentifierKind::Phone,
        (0..50000).map(|i| format!("(201) 555-{:04}", i % 10000)).collect(),
    );
    bench("phone de slow", IdentifierKind::Phone, (0..5000).map(|i| format!("+49 30 12{:05}", i)).collect());
    bench(
        "maid",
        IdentifierKind::Maid,
        (0..50000).map(|i| format!("A3F1C2D4-5678-90AB-CDEF-1234567{i:05}")).collect(),
    );
}
