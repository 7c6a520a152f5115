//! Reading along a JSON text (RFC 8259): what is passed over is checked like what is read, and nothing of it is kept.
//!
//! A text is looked at twice: sixteen bytes at a time for where strings may end, and then from one such place to the next.

use wide::u8x16;

use crate::Unreadable;

/// What was passed over so far is JSON, or an error has been returned.
pub(super) struct Scanner<'v> {
    text: &'v str,
    at: usize,
    /// Bit i of word n is set where byte 64 n + i means something in a string.
    marks: Vec<u64>,
    /// What closes the objects and arrays that are being passed over, the innermost last.
    open: Vec<u8>,
}

/// How a value begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    Object,
    Array,
    /// It has nothing inside, and nothing of it was read.
    Single,
}

impl<'v> Scanner<'v> {
    pub(super) fn new(text: &'v str) -> Self {
        Self { text, at: 0, marks: marks(text.as_bytes()), open: Vec::new() }
    }

    /// Into the value that comes next.
    pub(super) fn enter(&mut self) -> Result<Begin, Unreadable> {
        let begin = match self.peek()? {
            b'{' => Begin::Object,
            b'[' => Begin::Array,
            _ => return Ok(Begin::Single),
        };
        self.at += 1;
        Ok(begin)
    }

    /// The next member's name as it stands in the text, with its quotes; `None` where the object ends.
    pub(super) fn name(&mut self, is_first: bool) -> Result<Option<&'v str>, Unreadable> {
        if !self.goes_on(is_first, b'}')? {
            return Ok(None);
        }
        self.peek()?;
        let start = self.at;
        self.pass_string()?;
        let name = &self.text[start..self.at];
        self.pass_colon()?;
        Ok(Some(name))
    }

    /// Whether there is one more element; where there is none, the array ends.
    pub(super) fn element(&mut self, is_first: bool) -> Result<bool, Unreadable> {
        self.goes_on(is_first, b']')
    }

    /// Each element of the array that comes next, as it stands in the text.
    pub(super) fn each_element(&mut self, tell: &mut dyn FnMut(&'v str)) -> Result<(), Unreadable> {
        self.enter()?;
        let mut is_first = true;
        while self.element(is_first)? {
            tell(self.value()?);
            is_first = false;
        }
        Ok(())
    }

    /// The whole value that comes next, as it stands in the text.
    pub(super) fn value(&mut self) -> Result<&'v str, Unreadable> {
        self.peek()?;
        let start = self.at;
        self.pass()?;
        Ok(&self.text[start..self.at])
    }

    /// After the last value.
    pub(super) fn end(&mut self) -> Result<(), Unreadable> {
        if self.peek().is_ok() { Err(Unreadable) } else { Ok(()) }
    }

    /// Passes over a value, however deep it is: nobody asks what is in it.
    pub(super) fn pass(&mut self) -> Result<(), Unreadable> {
        loop {
            let is_opened = match self.peek()? {
                b'"' => self.pass_string().map(|()| false)?,
                first @ (b'{' | b'[') => {
                    self.at += 1;
                    // The code of what closes either is two higher.
                    self.open.push(first + 2);
                    true
                }
                b'-' | b'0'..=b'9' => self.pass_number().map(|()| false)?,
                _ => self.pass_word().map(|()| false)?,
            };
            if !self.pass_ends(is_opened)? {
                return Ok(());
            }
        }
    }

    /// All that ends here; whether another value follows before everything has ended.
    #[inline]
    fn pass_ends(&mut self, mut is_first: bool) -> Result<bool, Unreadable> {
        while let Some(&close) = self.open.last() {
            if self.goes_on(is_first, close)? {
                if close == b'}' {
                    self.peek()?;
                    self.pass_string()?;
                    self.pass_colon()?;
                }
                return Ok(true);
            }
            self.open.pop();
            is_first = false;
        }
        Ok(false)
    }

    /// Past a comma, or past what closes: whether there is one more.
    #[inline]
    fn goes_on(&mut self, is_first: bool, close: u8) -> Result<bool, Unreadable> {
        let next = self.peek()?;
        if next == b',' && !is_first {
            self.at += 1;
            return Ok(true);
        }
        if next == close {
            self.at += 1;
            return Ok(false);
        }
        if is_first { Ok(true) } else { Err(Unreadable) }
    }

    #[inline]
    fn pass_colon(&mut self) -> Result<(), Unreadable> {
        if self.peek()? != b':' {
            return Err(Unreadable);
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn pass_string(&mut self) -> Result<(), Unreadable> {
        if self.next()? != b'"' {
            return Err(Unreadable);
        }
        loop {
            self.at = self.next_mark();
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => self.pass_escape()?,
                _ => return Err(Unreadable),
            }
        }
    }

    /// Where the next mark is, or the end of the text.
    #[inline]
    fn next_mark(&self) -> usize {
        let word = self.at / 64;
        let Some(first) = self.marks.get(word) else { return self.text.len() };
        let first = first >> (self.at % 64);
        if first != 0 {
            return self.at + first.trailing_zeros() as usize;
        }
        let later = self.marks[word + 1..].iter().position(|marks| *marks != 0);
        later.map_or(self.text.len(), |words| {
            let word = word + 1 + words;
            word * 64 + self.marks[word].trailing_zeros() as usize
        })
    }

    fn pass_escape(&mut self) -> Result<(), Unreadable> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                let digits = self.rest().get(..4).ok_or(Unreadable)?;
                self.at += 4;
                if digits.iter().all(u8::is_ascii_hexdigit) { Ok(()) } else { Err(Unreadable) }
            }
            _ => Err(Unreadable),
        }
    }

    fn pass_number(&mut self) -> Result<(), Unreadable> {
        self.pass_any(b"-");
        if !self.pass_any(b"0") {
            self.pass_digits()?;
        }
        if self.pass_any(b".") {
            self.pass_digits()?;
        }
        if self.pass_any(b"eE") {
            self.pass_any(b"+-");
            self.pass_digits()?;
        }
        Ok(())
    }

    fn pass_digits(&mut self) -> Result<(), Unreadable> {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        if digits > 0 { Ok(()) } else { Err(Unreadable) }
    }

    fn pass_any(&mut self, of: &[u8]) -> bool {
        let is_any = self.rest().first().is_some_and(|byte| of.contains(byte));
        self.at += usize::from(is_any);
        is_any
    }

    fn pass_word(&mut self) -> Result<(), Unreadable> {
        let rest = self.rest();
        let word = [&b"true"[..], b"false", b"null"].into_iter().find(|word| rest.starts_with(word));
        self.at += word.ok_or(Unreadable)?.len();
        Ok(())
    }

    /// The next byte that is no space, which stays unread.
    #[inline]
    fn peek(&mut self) -> Result<u8, Unreadable> {
        loop {
            match *self.text.as_bytes().get(self.at).ok_or(Unreadable)? {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                byte => return Ok(byte),
            }
        }
    }

    #[inline]
    fn next(&mut self) -> Result<u8, Unreadable> {
        let byte = *self.text.as_bytes().get(self.at).ok_or(Unreadable)?;
        self.at += 1;
        Ok(byte)
    }

    fn rest(&self) -> &'v [u8] {
        &self.text.as_bytes()[self.at..]
    }
}

/// Where a byte means something in a string: a quote, a backslash, or a control character, which may not be there.
fn marks(text: &[u8]) -> Vec<u64> {
    let (blocks, rest) = text.as_chunks::<64>();
    let mut marks = Vec::with_capacity(blocks.len() + 1);
    marks.extend(blocks.iter().map(marks_of));
    if !rest.is_empty() {
        // Filled up with control characters, which end every string.
        let mut block = [0; 64];
        block[..rest.len()].copy_from_slice(rest);
        marks.push(marks_of(&block));
    }
    marks
}

#[inline]
fn marks_of(block: &[u8; 64]) -> u64 {
    let (quarters, _) = block.as_chunks::<16>();
    quarters.iter().enumerate().fold(0, |marks, (number, quarter)| {
        let bytes = u8x16::new(*quarter);
        let means = bytes.simd_eq(u8x16::splat(b'"'))
            | bytes.simd_eq(u8x16::splat(b'\\'))
            | bytes.min(u8x16::splat(0x1F)).simd_eq(bytes);
        marks | u64::from(means.to_bitmask()) << (16 * number)
    })
}
