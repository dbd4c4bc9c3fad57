//! A JSON array whose elements are written as they come.

use std::io::{self, Write};

use serde::Serialize;

pub(super) struct Array<'a> {
    output: &'a mut dyn Write,
    is_empty: bool,
}

impl<'a> Array<'a> {
    pub(super) fn begin(output: &'a mut dyn Write) -> io::Result<Self> {
        output.write_all(b"[")?;
        Ok(Self { output, is_empty: true })
    }

    pub(super) fn push(&mut self, element: &impl Serialize) -> io::Result<()> {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.output.write_all(b",")?;
        }
        Ok(serde_json::to_writer(&mut *self.output, element)?)
    }

    pub(super) fn end(self) -> io::Result<()> {
        self.output.write_all(b"]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_separated() {
        for (elements, expected) in [
            (&[][..], "[]"),
            (&["a"][..], "[\"a\"]"),
            (&["a", "\"", "c"][..], "[\"a\",\"\\\"\",\"c\"]"),
        ] {
            let mut output = Vec::new();
            let mut array = Array::begin(&mut output).unwrap();
            for element in elements {
                array.push(element).unwrap();
            }
            array.end().unwrap();
            assert_eq!(String::from_utf8(output).unwrap(), expected);
        }
    }
}
