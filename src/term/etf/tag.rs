//! The byte that begins every term and says what it is.
//!
//! | tag | name | after the tag |
//! | --- | --- | --- |
//! | 67 | `RECORD_EXT` | `n: u32, flags: u8, module, name, n × field, n × value`; OTP 29 |
//! | 70 | `NEW_FLOAT_EXT` | 8 bytes, IEEE 754 |
//! | 77 | `BIT_BINARY_EXT` | `n: u32, bits: u8, n bytes`, of the last one `bits` count |
//! | 82 | `ATOM_CACHE_REF` | `u8`, the atom's place in the distribution header |
//! | 88 | `NEW_PID_EXT` | `node, id: u32, serial: u32, creation: u32` |
//! | 89 | `NEW_PORT_EXT` | `node, id: u32, creation: u32` |
//! | 90 | `NEWER_REFERENCE_EXT` | `n: u16, node, creation: u32, n × u32` |
//! | 97 | `SMALL_INTEGER_EXT` | `u8` |
//! | 98 | `INTEGER_EXT` | `i32` |
//! | 99 | `FLOAT_EXT` | 31 bytes of decimal text; old |
//! | 100 | `ATOM_EXT` | `n: u16, n bytes of Latin-1`; old |
//! | 101 | `REFERENCE_EXT` | `node, id: u32, creation: u8`; old |
//! | 102 | `PORT_EXT` | `node, id: u32, creation: u8`; old |
//! | 103 | `PID_EXT` | `node, id: u32, serial: u32, creation: u8`; old |
//! | 104 | `SMALL_TUPLE_EXT` | `n: u8, n terms` |
//! | 105 | `LARGE_TUPLE_EXT` | `n: u32, n terms` |
//! | 106 | `NIL_EXT` | nothing |
//! | 107 | `STRING_EXT` | `n: u16, n bytes`: a list of small integers |
//! | 108 | `LIST_EXT` | `n: u32, n terms, tail` |
//! | 109 | `BINARY_EXT` | `n: u32, n bytes` |
//! | 110 | `SMALL_BIG_EXT` | `n: u8, sign: u8, n bytes`, least significant first |
//! | 111 | `LARGE_BIG_EXT` | `n: u32, sign: u8, n bytes` |
//! | 112 | `NEW_FUN_EXT` | `size: u32, arity: u8, uniq: 16 bytes, index: u32, n: u32, module, old index, old uniq, pid, n terms` |
//! | 113 | `EXPORT_EXT` | `module, function, arity` |
//! | 114 | `NEW_REFERENCE_EXT` | `n: u16, node, creation: u8, n × u32`; old |
//! | 115 | `SMALL_ATOM_EXT` | `n: u8, n bytes of Latin-1`; old |
//! | 116 | `MAP_EXT` | `n: u32, n × (key, value)` |
//! | 117 | `FUN_EXT` | gone since OTP 23 |
//! | 118 | `ATOM_UTF8_EXT` | `n: u16, n bytes of UTF-8` |
//! | 119 | `SMALL_ATOM_UTF8_EXT` | `n: u8, n bytes of UTF-8` |
//! | 120 | `V4_PORT_EXT` | `node, id: u64, creation: u32` |
//! | 121 | `LOCAL_EXT` | known only to the node that wrote it |
//!
//! All numbers are big-endian but the digits of big integers. [`VERSION`] goes before a term that stands alone;
//! [`COMPRESSED`] may follow it.
//!
//! Reference: ERTS User's Guide, [External Term Format][1].
//!
//! [1]: https://www.erlang.org/doc/apps/erts/erl_ext_dist.html

/// Before a term that stands alone: the version of the format.
pub const VERSION: u8 = 131;
/// After [`VERSION`]: `size: u32` and a zlib stream of so many bytes, which are a term without [`VERSION`].
pub const COMPRESSED: u8 = 80;

macro_rules! tags {
    ($($name:ident = $tag:literal, $text:literal;)*) => {
        $(
            #[doc = concat!("Tag ", stringify!($tag), ".")]
            pub const $name: u8 = $tag;
        )*

        /// What a term with the tag `tag` is, in words, for messages.
        #[must_use]
        pub fn describe(tag: u8) -> &'static str {
            match tag {
                $($tag => $text,)*
                _ => "term",
            }
        }
    };
}

tags! {
    RECORD = 67, "record";
    NEW_FLOAT = 70, "float";
    BIT_BINARY = 77, "bit string";
    ATOM_CACHE_REF = 82, "atom";
    NEW_PID = 88, "pid";
    NEW_PORT = 89, "port";
    NEWER_REFERENCE = 90, "reference";
    SMALL_INTEGER = 97, "integer";
    INTEGER = 98, "integer";
    FLOAT = 99, "float";
    ATOM = 100, "atom";
    REFERENCE = 101, "reference";
    PORT = 102, "port";
    PID = 103, "pid";
    SMALL_TUPLE = 104, "tuple";
    LARGE_TUPLE = 105, "tuple";
    NIL = 106, "list";
    STRING = 107, "list";
    LIST = 108, "list";
    BINARY = 109, "binary";
    SMALL_BIG = 110, "integer";
    LARGE_BIG = 111, "integer";
    NEW_FUN = 112, "fun";
    EXPORT = 113, "fun";
    NEW_REFERENCE = 114, "reference";
    SMALL_ATOM = 115, "atom";
    MAP = 116, "map";
    FUN = 117, "fun";
    ATOM_UTF8 = 118, "atom";
    SMALL_ATOM_UTF8 = 119, "atom";
    V4_PORT = 120, "port";
    LOCAL = 121, "term of another node";
}
