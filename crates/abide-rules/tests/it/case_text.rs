//! A case with a typo is refused, so that none passes for a reason that nobody meant.

use abide_rules::Case;

const SIGNAL: &str = "[[signal]]\nemail = \"jane@example.com\"\nmechanism = \"email.unsubscribe\"\n";
const CHECK: &str =
    "[[check]]\nemail = \"jane@example.com\"\naction = \"contact.email\"\nverdict = \"block\"\n";

#[test]
fn what_is_no_case_is_refused() {
    for (text, gist) in [
        (SIGNAL.to_owned(), "there is no [[check]]"),
        (format!("{SIGNAL}colour = \"red\"\n{CHECK}"), "signal 1: unknown field `colour`"),
        (format!("{SIGNAL}phone = \"+12025550123\"\n{CHECK}"), "signal 1: give exactly one identifier"),
        (format!("[[signal]]\nmechanism = \"email.list\"\n{CHECK}"), "signal 1: give exactly one identifier"),
        (
            format!("{SIGNAL}{CHECK}").replace("email.unsubscribe", "email.unsubscribed"),
            "the nearest is `email.unsubscribe`",
        ),
        (format!("{SIGNAL}direction = \"in\"\n{CHECK}"), "only with a proof"),
        (format!("{SIGNAL}direction = \"in\"\nproof = \"login\"\n{CHECK}"), "who recorded it"),
        (format!("{SIGNAL}at = \"yesterday\"\n{CHECK}"), "signal 1: `yesterday` is not a time"),
        (format!("{CHECK}kind = \"email\"\n"), "check 1: `kind` needs a digest"),
        (format!("{CHECK}sha256 = \"00\"\n"), "check 1: `sha256` needs a `kind`"),
        (CHECK.replace("email = \"jane@example.com\"\n", ""), "check 1: there is nobody to judge"),
        (format!("{CHECK}subject = {{ e-mail = \"a@example.com\" }}\n"), "`e-mail` is no kind of identifier"),
        (CHECK.replace("\"block\"", "\"forbid\""), "`forbid` is no verdict"),
        (CHECK.replace("\"block\"", "\"allow\"\nreasons = []"), "`reasons` go with"),
        (format!("[[retract]]\nsource = \"ftc\"\n{CHECK}"), "retract 1: give `batch`, or"),
        (format!("[store]\nforms = [\"sha512\"]\n{CHECK}"), "`sha512` is no form to derive"),
        (format!("{CHECK}\n[[chekc]]\n"), "line 6, column 3: unknown field `chekc`"),
    ] {
        let error = Case::parse(&text).expect_err(&text).to_string();
        assert!(error.contains(gist), "wanted {gist:?} in {error:?}");
        assert!(!error.contains("jane"), "an identifier in {error:?}");
    }
}

/// Signals that name no time follow one another by a second, also after one that does.
#[test]
fn signals_are_told_in_order() {
    let text = format!("{SIGNAL}{SIGNAL}at = \"2026-03-01T00:00:00Z\"\n{SIGNAL}{CHECK}");
    let times: Vec<_> =
        Case::parse(&text).unwrap().signals.iter().map(|signal| signal.at.to_string()).collect();
    assert_eq!(times, ["2026-01-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z", "2026-03-01T00:00:01.000Z"]);
}
