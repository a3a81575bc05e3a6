//! The terms that hold no others: numbers, binaries, identifiers, funs.

use std::fmt::{self, Write};

use super::text::{self, BinaryText};
use crate::term::{Atom, BitString, Creation, Fun, Integer, LocalFun, Pid, Port, Reference};

pub(in crate::term) fn write_integer(integer: &Integer, out: &mut impl Write) -> fmt::Result {
    match (integer.as_i64(), integer.as_big()) {
        (Some(small), _) => write!(out, "{small}"),
        (None, Some(big)) => write!(out, "{big}"),
        (None, None) => Ok(()),
    }
}

// From 2^53 on not every whole number is a float, and OTP writes none of them out.
const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;

/// The shortest digits that give the same float again, with an exponent where that is shorter.
pub(in crate::term) fn write_float(float: f64, out: &mut impl Write) -> fmt::Result {
    if !float.is_finite() {
        return write!(out, "#Float<{float}>");
    }
    if float.is_sign_negative() {
        out.write_char('-')?;
    }
    let float = float.abs();
    // As `d.ddde-x`.
    let mut scientific = format!("{float:e}");
    let exponent_start = scientific.rfind('e').unwrap_or(scientific.len());
    let exponent = scientific.split_off(exponent_start).split_off(1);
    let mut digits = scientific;
    let point = 1 + exponent.parse::<i32>().unwrap_or(0);
    let mut count = i32::try_from(digits.len()).unwrap_or(0);
    if count > 1 {
        digits.remove(1);
        count -= 1;
    }
    // Of two shortest ones that are equally near, Rust takes the upper one, and OTP the one with an even digit.
    if is_halfway(float, count - point)
        && let Some(last) = digits.pop()
    {
        digits.push(even_digit(last));
    }
    match usize::try_from(point) {
        _ if float == 0.0 => out.write_str("0.0"),
        _ if float >= FIRST_INEXACT || is_shorter_with_exponent(point, count, &exponent) => {
            let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
            write!(out, "{first}.{}e{exponent}", if rest.is_empty() { "0" } else { rest })
        }
        Ok(point @ 1..) => match digits.split_at_checked(point) {
            Some((whole, "")) => write!(out, "{whole}.0"),
            Some((whole, fraction)) => write!(out, "{whole}.{fraction}"),
            None => write!(out, "{digits:0<point$}.0"),
        },
        _ => write!(out, "0.{:0<zeros$}{digits}", "", zeros = point.unsigned_abs() as usize),
    }
}

/// Whether a float is as far from its digits, of which `decimals` are behind the point, as from the next lower ones.
///
/// Halfway between two numbers with that many decimals are those with exactly one more, a 5. A number has as many
/// decimals as it has binary digits behind the point.
fn is_halfway(float: f64, decimals: i32) -> bool {
    let bits = float.to_bits();
    let exponent = (bits >> 52).max(1);
    let mantissa = (bits & ((1 << 52) - 1)) | if bits >> 52 == 0 { 0 } else { 1 << 52 };
    let binary_digits = 1075 - i64::from(mantissa.trailing_zeros()) - exponent.cast_signed();
    decimals >= 0 && binary_digits == i64::from(decimals) + 1
}

fn even_digit(digit: char) -> char {
    match digit {
        '1' => '0',
        '3' => '2',
        '5' => '4',
        '7' => '6',
        '9' => '8',
        even => even,
    }
}

/// Whether `d.ddde-x` is shorter than to fill up with zeros to the point, or behind it.
///
/// `point` is the place of the decimal point, counted from the first of the `digits`.
fn is_shorter_with_exponent(point: i32, digits: i32, exponent: &str) -> bool {
    let exponent_length = i32::try_from(exponent.len()).unwrap_or(i32::MAX);
    // `e`, the exponent and the point; a single digit also gets a zero behind the point.
    let cost = exponent_length + 1 + if digits == 1 { 2 } else { 1 };
    if point < 0 { 2 - point > cost } else { point >= digits && point - digits + 2 > cost }
}

pub(super) fn write_binary(bytes: &[u8], out: &mut impl Write) -> fmt::Result {
    out.write_str("<<")?;
    match text::as_text(bytes) {
        BinaryText::Latin1(bytes) => {
            text::write_quoted(bytes.iter().copied().map(char::from), '"', out)?;
        }
        BinaryText::Utf8(text) => {
            text::write_quoted(text.chars(), '"', out)?;
            out.write_str("/utf8")?;
        }
        BinaryText::None => write_bytes(bytes, out)?,
    }
    out.write_str(">>")
}

pub(super) fn write_bit_string(string: &BitString, out: &mut impl Write) -> fmt::Result {
    out.write_str("<<")?;
    if let Some((last, bytes)) = string.bytes().split_last() {
        write_bytes(bytes, out)?;
        if !bytes.is_empty() {
            out.write_char(',')?;
        }
        let bits = string.last_bits();
        write!(out, "{}:{bits}", last >> (8 - bits))?;
    }
    out.write_str(">>")
}

fn write_bytes(bytes: &[u8], out: &mut impl Write) -> fmt::Result {
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 {
            out.write_char(',')?;
        }
        write!(out, "{byte}")?;
    }
    Ok(())
}

pub(super) fn write_pid(pid: &Pid, out: &mut impl Write) -> fmt::Result {
    let Pid { node, id, serial, creation } = pid;
    out.write_char('<')?;
    write_node(node, is_plain_node(node), out)?;
    write!(out, ".{id}.{serial}/{creation}>")
}

pub(super) fn write_port(port: &Port, out: &mut impl Write) -> fmt::Result {
    let Port { node, id, creation } = port;
    out.write_str("#Port<")?;
    write_node(node, is_plain_node(node), out)?;
    write!(out, ".{id}/{creation}>")
}

pub(super) fn write_reference(reference: &Reference, out: &mut impl Write) -> fmt::Result {
    let (node, Creation(creation)) = (reference.node(), reference.creation());
    out.write_str("#Ref<")?;
    // The number of words varies, so numbers at the end of the name would be taken for words.
    let last_part = node.as_str().rsplit('.').next().unwrap_or_default();
    let ends_in_number = last_part.bytes().all(|byte| byte.is_ascii_digit());
    write_node(node, is_plain_node(node) && !ends_in_number, out)?;
    for word in reference.words().iter().rev() {
        write!(out, ".{word}")?;
    }
    write!(out, "/{creation}>")
}

fn write_node(node: &Atom, plain: bool, out: &mut impl Write) -> fmt::Result {
    if plain { out.write_str(node.as_str()) } else { text::write_quoted_atom(node, out) }
}

/// Whether an identifier can show the name without quotes, as it can for nearly all nodes there are.
fn is_plain_node(node: &Atom) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'.' | b'-' | b'_');
    node.as_str().contains('@') && node.as_str().bytes().all(plain)
}

pub(in crate::term) fn write_fun(fun: &Fun, out: &mut impl Write) -> fmt::Result {
    match fun {
        Fun::Local(fun) => write_local_fun(fun, out),
        Fun::External(fun) => {
            out.write_str("fun ")?;
            text::write_atom(&fun.module, out)?;
            out.write_char(':')?;
            text::write_atom(&fun.function, out)?;
            write!(out, "/{}", fun.arity)
        }
    }
}

pub(super) fn write_local_fun(fun: &LocalFun, out: &mut impl Write) -> fmt::Result {
    out.write_str("#Fun<")?;
    text::write_atom(&fun.module, out)?;
    write!(out, ".{}.{}>", fun.index, fun.old_uniq)
}
