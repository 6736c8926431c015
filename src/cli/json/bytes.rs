//! Values that have no JSON type of their own: zxids, ids, and bytes that may not be text. All are
//! written without a copy.

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// What is serialized as a string.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub struct AsText<T>(pub T);

impl<T> JsonSchema for AsText<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// Bytes in base64.
#[derive(Clone, Copy, Debug)]
pub struct Base64<'a>(pub &'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

/// Bytes as one of two fields: under a name where they are text, and in base64 under another where
/// they are not.
macro_rules! bytes_field {
    ($type:ident, $name:ident, $base64:ident, $text:ty, $what:literal) => {
        #[doc = $what]
        #[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
        pub struct $type<'a> {
            #[doc = $what]
            #[serde(skip_serializing_if = "Option::is_none")]
            $name: Option<$text>,
            /// The same in base64, instead of it, where it is not text.
            #[serde(skip_serializing_if = "Option::is_none")]
            $base64: Option<AsText<Base64<'a>>>,
        }

        impl<'a> From<&'a [u8]> for $type<'a> {
            fn from(bytes: &'a [u8]) -> Self {
                match std::str::from_utf8(bytes) {
                    Ok(text) => Self {
                        $name: Some(text.into()),
                        $base64: None,
                    },
                    Err(_) => Self {
                        $name: None,
                        $base64: Some(AsText(Base64(bytes))),
                    },
                }
            }
        }
    };
}

/// The same for bytes that may be null.
macro_rules! nullable_bytes_field {
    ($type:ident, $name:ident, $base64:ident, $what:literal) => {
        bytes_field!($type, $name, $base64, Option<&'a str>, $what);

        impl<'a> From<Option<&'a [u8]>> for $type<'a> {
            fn from(bytes: Option<&'a [u8]>) -> Self {
                bytes.map_or(
                    Self {
                        $name: Some(None),
                        $base64: None,
                    },
                    Self::from,
                )
            }
        }
    };
}

bytes_field!(PathField, path, path_base64, &'a str, "The path.");
bytes_field!(
    ChildField,
    child,
    child_base64,
    &'a str,
    "The path of the child."
);
nullable_bytes_field!(
    NullablePathField,
    path,
    path_base64,
    "The path; `null` for transactions without one."
);
nullable_bytes_field!(DataField, data, data_base64, "The data.");
nullable_bytes_field!(
    SchemeField,
    scheme,
    scheme_base64,
    "The scheme, such as `world`."
);
nullable_bytes_field!(IdField, id, id_base64, "The id, such as `anyone`.");

impl PathField<'_> {
    /// The path of a znode: that of the root is empty, and written as `/`.
    pub fn of_znode(path: &[u8]) -> PathField<'_> {
        match path {
            b"" => b"/".as_slice().into(),
            path => path.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_text_where_they_can_be() {
        let data = |bytes| serde_json::to_string(&DataField::from(bytes)).unwrap();
        assert_eq!(data(None), r#"{"data":null}"#);
        assert_eq!(data(Some(b"a".as_slice())), r#"{"data":"a"}"#);
        assert_eq!(data(Some(b"\xff".as_slice())), r#"{"data_base64":"/w=="}"#);
        let root = serde_json::to_string(&PathField::of_znode(b"")).unwrap();
        assert_eq!(root, r#"{"path":"/"}"#);
    }
}
