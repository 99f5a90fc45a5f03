//! Holds the arrows between the modules of each crate against a list of circles: a new circle fails, and so does a listed
//! one that no longer exists.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, ImplItem, Item, ItemMod, ItemUse, Macro, Meta, UseTree,
    visit::{self, Visit},
};

/// Each crate's circles: modules that all reach each other, in alphabetical order. The list may only shrink.
const CIRCLES: [(&str, &[&[&str]]); 12] = [
    ("src", &[]),
    ("services/oracle/src", &[]),
    ("services/filter/src", &[]),
    ("services/log/src", &[]),
    ("services/bitcoin/src", &[]),
    ("services/kit/src", &[]),
    ("services/ingest/src", &[]),
    ("services/analyzer/src", &[]),
    ("services/historian/src", &[]),
    ("services/standin/src", &[]),
    ("services/backtest/src", &[]),
    ("gateway/src", &[]),
];

/// Module to the modules that it names.
type Arrows = BTreeMap<String, BTreeSet<String>>;
type Circle = Vec<String>;

#[test]
fn modules_know_each_other_one_way() {
    let mut faults = Vec::new();
    for (folder, listed) in CIRCLES {
        let root = format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"));
        let arrows = arrows_of(&|path| std::fs::read_to_string(format!("{root}/{path}")).ok());
        let listed = listed
            .iter()
            .map(|circle| circle.iter().map(ToString::to_string).collect());
        let fault = differences(&arrows, &listed.collect());
        faults.extend(fault.into_iter().map(|fault| format!("{folder}: {fault}")));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// One line for each circle that is not listed, and for each listed one that there is not.
fn differences(arrows: &Arrows, listed: &BTreeSet<Circle>) -> Vec<String> {
    let found = circles_in(arrows);
    let new = found.difference(listed).map(|circle| {
        let inside = arrows_inside(arrows, circle);
        format!("a circle that is not listed, {circle:?}, made of {inside}")
    });
    let gone = listed.difference(&found).map(|circle| {
        format!("the circle {circle:?} is listed and is not there: take it off the list")
    });
    new.chain(gone).collect()
}

/// The circles of a graph. Two modules are in the same circle if each reaches the other.
fn circles_in(arrows: &Arrows) -> BTreeSet<Circle> {
    let reached: BTreeMap<&String, BTreeSet<&String>> = arrows
        .keys()
        .map(|module| (module, reached_from(arrows, module)))
        .collect();
    let circle_of = |module: &String| -> Circle {
        let back = |other: &&&String| reached.get(**other).is_some_and(|all| all.contains(module));
        reached[module]
            .iter()
            .filter(back)
            .map(ToString::to_string)
            .collect()
    };
    let circles = arrows.keys().map(circle_of);
    circles.filter(|circle| !circle.is_empty()).collect()
}

/// All modules that arrows lead to from this one; itself too if it lies in a circle.
fn reached_from<'a>(arrows: &'a Arrows, module: &String) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&String> = arrows.get(module).into_iter().flatten().collect();
    while let Some(module) = next.pop() {
        if reached.insert(module) {
            next.extend(arrows.get(module).into_iter().flatten());
        }
    }
    reached
}

fn arrows_inside(arrows: &Arrows, circle: &Circle) -> String {
    let from = circle.iter().flat_map(|from| {
        let to = arrows[from].iter().filter(|to| circle.contains(to));
        to.map(move |to| format!("{from} -> {to}"))
    });
    from.collect::<Vec<_>>().join(", ")
}

/// The arrows between the top-level modules of a crate. A module's children count as the module itself. The crate's root,
/// `lib.rs` or `main.rs`, is none, and code under `#[cfg(test)]` is left out.
///
/// `read` returns the text of a file below `src/`, `None` if there is none.
fn arrows_of(read: &dyn Fn(&str) -> Option<String>) -> Arrows {
    let text = read("lib.rs").or_else(|| read("main.rs"));
    let root = parse("the crate's root", &text.expect("a lib.rs or main.rs"));
    let mut reader = Reader {
        read,
        arrows: Arrows::new(),
        exports: BTreeMap::new(),
        path: Vec::new(),
    };
    for item in &root.items {
        match item {
            Item::Mod(module) if !is_for_tests(&module.attrs) => {
                reader
                    .arrows
                    .insert(module.ident.to_string(), BTreeSet::new());
            }
            Item::Use(import) => leaves(&import.tree, &mut Vec::new(), &mut |path, name| {
                let from = path
                    .iter()
                    .find(|part| !matches!(part.as_str(), "crate" | "self"));
                reader
                    .exports
                    .insert(name.to_owned(), from.cloned().unwrap_or_default());
            }),
            _ => {}
        }
    }
    reader.visit_file(&root);
    reader.arrows
}

fn parse(path: &str, text: &str) -> syn::File {
    syn::parse_file(text).unwrap_or_else(|error| panic!("{path} is not Rust: {error}"))
}

/// Walks a crate from its root, and notes what each module names.
struct Reader<'a> {
    read: &'a dyn Fn(&str) -> Option<String>,
    arrows: Arrows,
    /// What the root imports or gives on, and the module that it comes from.
    exports: BTreeMap<String, String>,
    /// The module that is read, from the crate's root.
    path: Vec<String>,
}

impl Reader<'_> {
    /// Notes a path such as `crate::a::B` or `super::a`. A path without such a beginning stays in its module or crate.
    fn note(&mut self, segments: &[String]) {
        let Some(module) = self.path.first() else {
            return;
        };
        let ups = segments.iter().take_while(|part| *part == "super").count();
        let (base, rest) = match segments.first().map(String::as_str) {
            Some("crate") => (0, &segments[1..]),
            Some("super") => (self.path.len().saturating_sub(ups), &segments[ups..]),
            _ => return,
        };
        let Some(head) = self.path[..base].iter().chain(rest).next() else {
            return;
        };
        assert!(
            head != "*",
            "{module} imports all of its crate, which hides its arrows"
        );
        let target = self.exports.get(head).unwrap_or(head);
        if target != module && self.arrows.contains_key(target) {
            let target = target.clone();
            self.arrows
                .get_mut(module)
                .expect("a module of the root")
                .insert(target);
        }
    }

    /// Notes the paths among the words of a macro call.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut segments: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.note(&std::mem::take(&mut segments));
                    }
                    segments.push(name.to_string());
                    colons = 0;
                }
                other => {
                    self.note(&std::mem::take(&mut segments));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.note_tokens(group.stream());
                    }
                }
            }
        }
        self.note(&segments);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if !matches!(item, ImplItem::Fn(function) if is_for_tests(&function.attrs)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.path.push(module.ident.to_string());
        match &module.content {
            Some((_, items)) => items.iter().for_each(|item| self.visit_item(item)),
            None => {
                let path = self.path.join("/");
                let files = [format!("{path}.rs"), format!("{path}/mod.rs")];
                let text = files.iter().find_map(|file| (self.read)(file));
                let text = text.unwrap_or_else(|| panic!("neither of {files:?}"));
                self.visit_file(&parse(&path, &text));
            }
        }
        self.path.pop();
    }

    fn visit_item_use(&mut self, import: &'ast ItemUse) {
        let mut paths = Vec::new();
        leaves(&import.tree, &mut Vec::new(), &mut |path, _| {
            paths.push(path.to_vec());
        });
        paths.iter().for_each(|path| self.note(path));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        self.note(&names.collect::<Vec<_>>());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.note_tokens(call.tokens.clone());
    }
}

/// Calls `each` with the whole path and the local name of everything that an import names; `*` for all.
fn leaves(tree: &UseTree, path: &mut Vec<String>, each: &mut dyn FnMut(&[String], &str)) {
    let (last, name) = match tree {
        UseTree::Path(step) => {
            path.push(step.ident.to_string());
            leaves(&step.tree, path, each);
            path.pop();
            return;
        }
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| leaves(tree, path, each));
            return;
        }
        UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
        UseTree::Rename(name) => (name.ident.to_string(), name.rename.to_string()),
        UseTree::Glob(_) => ("*".to_owned(), "*".to_owned()),
    };
    path.push(last);
    each(path, &name);
    path.pop();
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}

/// The arrows of a made-up crate.
fn made_up(files: &[(&str, &str)]) -> Arrows {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    arrows_of(&|path| files.get(path).map(ToString::to_string))
}

fn circle(modules: &[&str]) -> Circle {
    modules.iter().map(ToString::to_string).collect()
}

#[test]
fn a_circle_is_found_through_every_kind_of_path() {
    let imports = [
        "use crate::b::B;",
        "use crate::{b::{self, B}};",
        "use super::b;",
        "use crate::B as Other;",
        "fn f() -> crate::b::B { todo!() }",
        "fn f() { let all = vec![1, super::b::N]; }",
        "mod inner { use super::super::b::B; }",
        "mod child;",
    ];
    for import in imports {
        let arrows = made_up(&[
            ("lib.rs", "mod a; mod b; mod c; pub use b::B; mod apart;"),
            ("a.rs", import),
            ("a/child.rs", "use crate::b::B;"),
            ("b.rs", "use crate::c::C;"),
            ("c.rs", "use crate::a; use crate::apart::X;"),
            ("apart.rs", "use std::fmt; use self::fmt::Debug;"),
        ]);
        let found = circles_in(&arrows);
        assert_eq!(
            found,
            BTreeSet::from([circle(&["a", "b", "c"])]),
            "{import}"
        );
    }
}

#[test]
fn test_code_text_and_own_children_make_no_arrow() {
    let imports = [
        "",
        "// use crate::b;",
        "const TEXT: &str = \"crate::b\";",
        "#[cfg(test)] mod tests { use crate::b::B; }",
        "#[cfg(test)] mod tests;",
        "#[cfg(test)] use crate::b::B;",
        "struct A; impl A { #[cfg(test)] fn f() { crate::b::f() } }",
        "mod inner { use super::*; }",
        "pub(crate) fn f() { other::b::f() }",
    ];
    for import in imports {
        let arrows = made_up(&[
            ("lib.rs", "mod a; mod b; use a::A;"),
            ("a.rs", import),
            ("a/tests.rs", "use crate::b::B;"),
            ("b.rs", "use crate::A;"),
        ]);
        assert_eq!(circles_in(&arrows), BTreeSet::new(), "{import}");
        assert_eq!(arrows["b"], BTreeSet::from(["a".to_owned()]), "{import}");
    }
}

#[test]
fn a_new_circle_and_a_lost_one_are_both_told() {
    let arrows = made_up(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b;"),
        ("b.rs", "use crate::a;"),
        ("c.rs", "use crate::d;"),
        ("d.rs", ""),
    ]);
    let ab = circle(&["a", "b"]);
    assert!(differences(&arrows, &BTreeSet::from([ab.clone()])).is_empty());
    let told = differences(&arrows, &BTreeSet::from([circle(&["c", "d"])]));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("not listed") && told[0].contains("a -> b, b -> a"),
        "{told:?}"
    );
    assert!(told[1].contains("take it off"), "{told:?}");
}

#[test]
#[should_panic(expected = "hides its arrows")]
fn an_import_of_the_whole_crate_is_refused() {
    made_up(&[("lib.rs", "mod a;"), ("a.rs", "use crate::*;")]);
}
