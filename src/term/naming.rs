//! Which atom stands for which name of a Rust type, for both directions of serde.

/// What `()` is written as: what Erlang functions return that have nothing to say.
pub(crate) const UNIT: &str = "ok";

/// The key by which Elixir knows a struct from a map. Its value, the module, is an atom.
pub(crate) const STRUCT_KEY: &str = "__struct__";

/// Whether `atom` says that a value is absent, be it Erlang's word or Elixir's.
pub(crate) fn is_nothing(atom: &str) -> bool {
    matches!(atom, "undefined" | "nil")
}

/// The tag of the record that a type or variant is written as, if its name begins with `#`, as Erlang's `#user{}`.
pub(crate) fn record_tag(name: &str) -> Option<&str> {
    name.strip_prefix('#')
}

/// The atom of a variant. Rust's `Result` is Erlang's `{ok, Value} | {error, Reason}`.
pub(crate) fn variant_atom<'a>(name: &str, variant: &'a str) -> &'a str {
    match (name, variant) {
        ("Result", "Ok") => "ok",
        ("Result", "Err") => "error",
        _ => variant,
    }
}

/// The variant that an atom stands for, the inverse of [`variant_atom`].
pub(crate) fn variant_of_atom(
    name: &str,
    variants: &'static [&'static str],
    atom: &str,
) -> Option<&'static str> {
    let mut variants = variants.iter().copied();
    variants.find(|variant| {
        let known = variant_atom(name, variant);
        known == atom || record_tag(known) == Some(atom)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_and_atoms_are_inverse() {
        assert_eq!(variant_of_atom("Result", &["Ok", "Err"], "error"), Some("Err"));
        assert_eq!(variant_of_atom("Call", &["get", "#user"], "user"), Some("#user"));
        assert_eq!(variant_of_atom("Call", &["get", "#user"], "put"), None);
    }
}
