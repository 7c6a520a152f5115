//! The words that stand in flag and status columns.
//!
//! In goes the text of one cell, out comes what it says by itself. What that means for a person
//! depends on the column: a `yes` under `unsubscribed` and a `no` under `may_email` both say out
//! (see [`crate::flags`]). A word that is not in the table is no word: it is never guessed.

/// What a word says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The flag was never set.
    Unset,
    Yes,
    No,
    /// "Unsubscribed", "opted out", in any column.
    Out,
    /// "Subscribed", "opted in".
    In,
    /// Neither in nor out so far: "pending", "never subscribed".
    Pending,
    Bounced,
    Complained,
}

/// Words as they are compared: lower case, with one space for each run of spaces, `_` and `-`.
#[rustfmt::skip]
const WORDS: &[(Word, &[&str])] = &[
    (Word::Unset, &["", "null", "(null)", "<null>", "\\n", "n/a", "na", "nan", "nil", "undefined", "none", "not set", "not specified"]),
    (Word::Yes, &[
        "true", "yes", "1", "y", "t", "on", "x", "1.0", "checked", "✓", "✔",
        "vrai", "oui", "wahr", "ja", "verdadero", "sí", "si", "vero", "sì", "verdadeiro", "sim", "tak", "да", "はい", "是",
    ]),
    (Word::No, &[
        "false", "no", "0", "n", "f", "off", "0.0", "unchecked",
        "faux", "non", "falsch", "nein", "falso", "não", "nao", "nee", "nej", "nie", "нет", "いいえ", "否",
    ]),
    (Word::Out, &[
        "unsubscribed", "unsubscribe", "unsub", "opted out", "opt out", "optedout", "optout", "cancelled", "canceled",
        "blacklisted", "blocklisted", "suppressed", "do not contact", "do not email", "do not call", "withdrawn", "revoked",
        "désinscrit", "désinscrite", "desinscrit", "désabonné", "désabonnée", "desabonne",
        "abgemeldet", "abbestellt", "ausgetragen", "dado de baja", "dada de baja", "baja", "disiscritto", "disiscritta",
        "descadastrado", "descadastrada", "uitgeschreven", "afgemeld", "avregistrerad", "wypisany", "wypisana",
        "отписан", "отписался", "配信停止", "退订",
    ]),
    (Word::In, &[
        "subscribed", "subscribe", "opted in", "opt in", "optedin", "optin", "active", "granted", "confirmed",
        "inscrit", "inscrite", "abonné", "abonnée", "angemeldet", "abonniert", "suscrito", "suscrita",
        "iscritto", "iscritta", "inscrito", "inscrita", "ingeschreven", "aangemeld", "zapisany", "подписан",
    ]),
    (Word::Pending, &[
        "pending", "unconfirmed", "never subscribed", "not subscribed", "nonsubscribed", "non subscribed", "transactional",
        "non confirmé", "en attente", "unbestätigt", "ausstehend", "pendiente", "in attesa", "pendente",
    ]),
    (Word::Bounced, &["bounced", "bounce", "hard bounce", "hard bounced", "hardbounce", "cleaned", "undeliverable"]),
    (Word::Complained, &["complained", "complaint", "spam", "spam report", "spam complaint", "marked as spam", "abuse"]),
];

/// What a cell says; `None` for a word that is not known.
pub fn read(text: &str) -> Option<Word> {
    let text = text.trim();
    common(text).or_else(|| {
        let folded = fold(text);
        WORDS.iter().find(|(_, words)| words.contains(&folded.as_str())).map(|(word, _)| *word)
    })
}

/// Nearly every cell of nearly every file, without an allocation.
fn common(text: &str) -> Option<Word> {
    match text.len() {
        0 => Some(Word::Unset),
        1 => match text.as_bytes()[0] {
            b'1' | b'Y' | b'y' => Some(Word::Yes),
            b'0' | b'N' | b'n' => Some(Word::No),
            _ => None,
        },
        2 if text.eq_ignore_ascii_case("no") => Some(Word::No),
        3 if text.eq_ignore_ascii_case("yes") => Some(Word::Yes),
        4 if text.eq_ignore_ascii_case("true") => Some(Word::Yes),
        5 if text.eq_ignore_ascii_case("false") => Some(Word::No),
        _ => None,
    }
}

fn fold(text: &str) -> String {
    let spaced =
        text.chars().map(|c| if matches!(c, '_' | '-') { ' ' } else { c }).flat_map(char::to_lowercase);
    let spaced: String = spaced.collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word in two rows would mean whichever comes first.
    #[test]
    fn each_word_stands_once_and_as_it_is_compared() {
        let all: Vec<&str> = WORDS.iter().flat_map(|(_, words)| words.iter().copied()).collect();
        for (at, word) in all.iter().enumerate() {
            assert_eq!(fold(word), *word);
            assert!(!all[..at].contains(word), "`{word}` stands twice");
        }
    }

    /// The fast path says what the table says.
    #[test]
    fn common_words_agree_with_the_table() {
        for (word, spellings) in WORDS {
            for spelling in *spellings {
                for text in [(*spelling).to_owned(), spelling.to_uppercase(), format!(" {spelling}\t")] {
                    assert_eq!(read(&text), Some(*word), "{text}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_word_is_not_guessed() {
        for text in ["maybe", "2", "inactive", "yes no", "jane@example.com", "TRUE?"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
