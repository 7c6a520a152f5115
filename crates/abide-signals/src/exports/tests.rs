use std::fmt::Write as _;

use super::{table::IDS, *};
use crate::flags::OutWhen;

const NOW: Time = Time::from_seconds(1_800_000_000);

fn recognise(file_name: &str, header: &[&str]) -> Recognised {
    Export::recognise(file_name, Some(header), &[])
        .unwrap()
        .unwrap_or_else(|| panic!("{file_name}: {header:?}"))
}

#[test]
fn the_table_names_what_exists() {
    for flag in FLAGS {
        if let Says::Out(mechanism, list) = flag.says {
            assert!(mechanism.parse::<abide_model::Mechanism>().is_ok(), "{mechanism}");
            let has_star = flag.columns.iter().all(|column| column.ends_with('*'));
            assert_eq!(list == ListOf::Star, has_star, "{:?}", flag.columns);
        }
        assert!(!flag.columns.is_empty());
        // What no file name tells must have columns of identifiers, or the data is nested.
        let nested = matches!(flag.vendor, Vendor::MParticle | Vendor::Segment | Vendor::GoogleConsent);
        assert!(nested || IDS.iter().any(|id| id.vendor == flag.vendor), "{}", flag.vendor);
    }
}

/// Every vendor is told by each of its telling columns alone.
#[test]
fn telling_columns_tell() {
    for flag in FLAGS.iter().filter(|flag| flag.is_telling) {
        for name in flag.columns {
            let name = name.replace('*', "77");
            let header: Vec<&str> = match flag.out_when {
                OutWhen::EveryRow => flag.columns.to_vec(),
                _ => vec![&name],
            };
            let file_name =
                flag.files.first().map_or("contacts.csv".to_owned(), |file| format!("{file}_0123.csv"));
            assert_eq!(recognise(&file_name, &header).vendor, flag.vendor, "{name}");
        }
    }
}

#[test]
fn what_belongs_to_nobody_is_nobodys() {
    for header in [
        &["Email", "Name"][..],
        &["email", "status"],
        &["ID", "Name"],
        &["email", "unsubscribed"],
        &["donotcall"],
    ] {
        assert!(Export::recognise("list.csv", Some(header), &[]).unwrap().is_none(), "{header:?}");
    }
}

#[test]
fn files_that_give_no_opt_outs_say_why() {
    let drop = ["ID", "Hash"];
    for (file_name, header, why) in [
        ("20260312_4821_NDZ.csv", &drop[..], "answer these requests"),
        ("20260312_4821_Removed.csv", &["ID", "Hash", "ListType"], "it ends opt-outs"),
        ("list.csv", &drop, "--id Hash=email:drop"),
        ("subscribed_members_export_1.csv", &["Email Address", "LEID", "EUID"], "it holds no opt-outs"),
        ("contacts.csv", &["Email Address", "LEID", "EUID"], "give it back its name"),
        ("suppression_blocks.csv", &["email", "created"], "a passing refusal"),
    ] {
        let error = Export::recognise(file_name, Some(header), &[]).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn drop_lists_by_their_names() {
    for (file_name, role) in [
        ("20260312_4821_Email.csv", "email:drop"),
        ("20260312_4821_Email_part01.csv", "email:drop"),
        ("20260312_4821_Phone.csv", "phone:drop"),
        ("20260312_4821_MAID.csv", "maid:drop"),
    ] {
        let drop = recognise(file_name, &["ID", "Hash"]);
        assert_eq!(drop.ids[0].role.to_string(), role);
        assert_eq!(drop.read_row(&|_| Some("x"), NOW).unwrap()[0].on, Some(drop.ids[0].role.kind));
    }
}

/// The registry's numbers are read in all three spellings, in a store of any region.
#[test]
fn the_registry_has_three_spellings() {
    let normaliser = abide_model::Normaliser::new("DE".parse().unwrap());
    let expected = normaliser.raw(abide_model::IdentifierKind::Phone, "+1 415 555 0100").unwrap();
    for (file_name, row) in [
        ("full.txt", vec!["415", "5550100"]),
        ("dnc.txt", vec!["4155550100"]),
        ("dnc.txt", vec!["415-555-0100"]),
    ] {
        let registry = Export::recognise(file_name, None, std::slice::from_ref(&row)).unwrap().unwrap();
        let text = registry.ids[0].text(&|column| row.get(column).copied());
        assert_eq!(registry.ids[0].role.identify(&normaliser, &text), Ok(expected.clone()));
        assert_eq!(
            registry.read_row(&|_| None, NOW).unwrap()[0].statement.mechanism.as_str(),
            "phone.dnc.us"
        );
    }
    for (file_name, row) in
        [("list.txt", vec!["4155550100"]), ("dnc.txt", vec!["415", "555"]), ("dnc.txt", vec!["x"])]
    {
        assert!(Export::recognise(file_name, None, &[row]).unwrap().is_none());
    }
}

#[test]
fn what_was_decided_is_said() {
    let header = [
        "email",
        "hs_email_optout",
        "Opted out of email: Weekly News",
        "hs_email_bounce",
        "Newsletter Opt-out",
    ];
    assert_eq!(
        recognise("contacts.csv", &header).sentences(),
        [
            "this is an export of HubSpot (by its column `hs_email_optout`)",
            "column `email` holds e-mails",
            "a yes in `hs_email_optout` is email.unsubscribe for everyone (unsubscribed from a brand's e-mail)",
            "a yes in `Opted out of email: Weekly News` is email.list for list:weekly-news (left a mailing list)",
            "column `hs_email_bounce` is not read: a count of bounces, soft ones among them",
            "column `Newsletter Opt-out` looks like a flag and is not read; say --flag 'Newsletter Opt-out=MECHANISM' to read it",
        ]
    );
}

/// `docs/imports.md` shows the table as it is.
#[test]
fn the_page_shows_the_table() {
    let page = include_str!("../../../../docs/imports.md");
    let expected = page_table();
    assert!(page.contains(&expected), "put this into docs/imports.md:\n\n{expected}");
}

fn page_table() -> String {
    let mut table =
        String::from("| Vendor | Column or file | Says out | As | Sure |\n| --- | --- | --- | --- | --- |\n");
    for flag in FLAGS {
        let quoted =
            |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let place = match flag.out_when {
            OutWhen::EveryRow => quoted(
                &flag
                    .files
                    .iter()
                    .map(|file| format!("{file}….csv"))
                    .collect::<Vec<_>>()
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>(),
            ),
            _ => quoted(flag.columns),
        };
        let (out, says) = match flag.says {
            Says::Unread(why) => ("–".to_owned(), format!("not read: {why}")),
            Says::Out(mechanism, list) => {
                (out_when(flag.out_when), format!("`{mechanism}`{}", of_list(list)))
            }
        };
        let dated = flag.at.map_or(String::new(), |at| format!(", dated by `{at}`"));
        let sure = if flag.confidence == Confidence::Seen { "yes" } else { "not confirmed" };
        writeln!(table, "| {} | {place} | {out} | {says}{dated} | {sure} |", flag.vendor).unwrap();
    }
    table
}

fn out_when(out_when: OutWhen) -> String {
    match out_when {
        OutWhen::Yes => "a yes, or \"unsubscribed\"".to_owned(),
        OutWhen::No => "a no, or \"unsubscribed\"".to_owned(),
        OutWhen::Filled => "anything but a no".to_owned(),
        OutWhen::Code(code) => format!("`{code}`"),
        OutWhen::AnyBut(codes) => format!("anything but `{}`", codes.join("`, `")),
        OutWhen::EveryRow => "every row".to_owned(),
    }
}

fn of_list(list: ListOf) -> &'static str {
    match list {
        ListOf::Everyone => "",
        ListOf::Star => ", for the list `*`",
        ListOf::Columns(_) => ", for the list that the row names",
    }
}
