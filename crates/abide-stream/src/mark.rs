//! What stands beside a committed offset: how far the journal has to be read before its partition is judged.

use std::fmt;

use abide_model::{Positions, Token};

const PREFIX: &str = "abide";

/// Owners remembered at the most. One that so many others have come after is older than any list that may answer.
const TOKENS_MAX: usize = 64;

/// As much as a broker keeps beside an offset, `offset.metadata.max.bytes`, is 4,096 unless it is told otherwise.
const BYTES_MAX: usize = 4_000;

/// The last token of each owner that met opt-outs in a partition, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark(Vec<Token>);

impl Mark {
    /// Of what others write beside an offset nothing is known, and nothing waited for.
    pub(crate) fn parse(text: &str) -> Self {
        let mut words = text.split(' ');
        if words.next() != Some(PREFIX) {
            return Self::default();
        }
        let token = |word: &str| {
            let (origin, position) = word.split_once(':')?;
            Some(Token { origin: origin.parse().ok()?, position: position.parse().ok()? })
        };
        Self(words.filter_map(token).collect())
    }

    pub(crate) fn advance(&mut self, token: &Token) {
        self.0.retain(|held| held.origin != token.origin);
        self.0.push(token.clone());
        while self.0.len() > TOKENS_MAX || self.to_string().len() > BYTES_MAX {
            self.0.remove(0);
        }
    }

    /// What has not been read yet by whoever has read so far.
    pub(crate) fn missing(&self, positions: &Positions) -> Option<&Token> {
        self.0.iter().find(|token| !positions.reach(token))
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|token| write!(f, " {token}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written() {
        let token = |origin: &str, position| Token { origin: origin.parse().unwrap(), position };
        let mut mark = Mark::default();
        mark.advance(&token("eu-1", 7));
        mark.advance(&token("us-1", 2));
        mark.advance(&token("eu-1", 9));
        assert_eq!(mark.to_string(), "abide us-1:2 eu-1:9");
        assert_eq!(Mark::parse(&mark.to_string()), mark);
        assert_eq!(Mark::parse("whatever others keep here"), Mark::default());
        let positions =
            |eu| Positions::from_iter([("eu-1".parse().unwrap(), eu), ("us-1".parse().unwrap(), 2)]);
        assert_eq!(mark.missing(&positions(9)), None);
        assert_eq!(mark.missing(&positions(8)), Some(&token("eu-1", 9)));
    }

    /// However long the names of those before are, it fits beside an offset, and the newest are in it.
    #[test]
    fn it_is_no_longer_than_a_broker_keeps() {
        let token = |number: u64| Token {
            origin: format!("{number:-<128}").parse().unwrap(),
            position: u64::MAX - number,
        };
        let mut mark = Mark::default();
        (0..200).for_each(|number| mark.advance(&token(number)));
        let text = mark.to_string();
        assert!((BYTES_MAX - 100..=BYTES_MAX).contains(&text.len()), "{}", text.len());
        assert!(text.ends_with(&token(199).to_string()));
    }
}
