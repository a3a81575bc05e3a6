//! Formats with their arguments, as far as a log on one line needs it: widths and precisions are passed over.

use std::fmt::Write;

use crate::term::{CharEncoding, Term};

/// The text, or `None` if the arguments do not fit the format.
pub(super) fn format(format: &Term, arguments: &[Term]) -> Option<String> {
    let format = match format {
        Term::Atom(atom) => atom.as_str().to_owned(),
        format => format.chardata(CharEncoding::Unicode)?,
    };
    let mut arguments = arguments.iter();
    let mut text = String::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '~' {
            text.push(character);
            continue;
        }
        let control = control(&mut characters, &mut arguments)?;
        match control {
            '~' => text.push('~'),
            'n' => text.push('\n'),
            'i' => drop(arguments.next()?),
            'c' => match arguments.next()? {
                Term::Integer(code) => text.push(char::from_u32(u32::try_from(code).ok()?)?),
                _ => return None,
            },
            's' => match arguments.next()? {
                Term::Atom(atom) => text.push_str(atom.as_str()),
                string => {
                    let utf8 = string.chardata(CharEncoding::Unicode);
                    text.push_str(&utf8.or_else(|| string.chardata(CharEncoding::Latin1))?);
                }
            },
            'W' | 'P' => {
                write!(text, "{}", arguments.next()?).ok()?;
                arguments.next()?;
            }
            'w' | 'p' => write!(text, "{}", arguments.next()?).ok()?,
            'b' | 'B' | '+' | '#' | 'x' | 'X' => {
                if matches!(control, 'x' | 'X') {
                    // The prefix.
                    arguments.next()?;
                }
                let number = arguments.next().filter(|number| matches!(number, Term::Integer(_)))?;
                write!(text, "{number}").ok()?;
            }
            'e' | 'f' | 'g' => {
                let number = arguments.next();
                let number = number.filter(|number| matches!(number, Term::Integer(_) | Term::Float(_)))?;
                write!(text, "{number}").ok()?;
            }
            _ => return None,
        }
    }
    arguments.next().is_none().then_some(text)
}

/// Reads a control sequence behind its `~`, up to the character that says what it is.
fn control<'a>(
    characters: &mut impl Iterator<Item = char>,
    arguments: &mut impl Iterator<Item = &'a Term>,
) -> Option<char> {
    loop {
        match characters.next()? {
            '0'..='9' | '-' | '.' | 't' | 'l' | 'k' | 'K' => {}
            '*' => drop(arguments.next()?),
            control => return Some(control),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_take_their_arguments() {
        let text = |format_and: &str| {
            let terms: Term = format_and.parse().unwrap();
            let [format, arguments] = terms.as_tuple().unwrap() else { panic!("{format_and}") };
            super::format(format, arguments.as_list().unwrap())
        };
        assert_eq!(text("{\"~~ ~p~n~ts ~s\", [{a}, <<\"b\">>, c]}").as_deref(), Some("~ {a}\nb c"));
        assert_eq!(text("{<<\"~0tp ~10.5w ~*c\">>, [a, b, 3, 65]}").as_deref(), Some("a b A"));
        assert_eq!(
            text("{\"~P ~W ~i~b ~.16B ~g\", [a, 5, b, 5, c, 1, 2, 1.5]}").as_deref(),
            Some("a b 1 2 1.5")
        );
        for wrong in [
            "{\"~p\", []}",
            "{\"~p\", [1,2]}",
            "{\"~\", []}",
            "{\"~s\", [{}]}",
            "{\"~c\", [a]}",
            "{\"~y\", [a]}",
        ] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }
}
