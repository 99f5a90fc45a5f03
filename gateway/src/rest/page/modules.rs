//! The page's modules in the order in which a browser needs them.

use std::collections::HashSet;

use crate::files::File;

/// The modules that `entry` needs, itself last, each after those that it imports; without those in `before`.
pub fn needed_by(entry: &str, files: &[File], before: &[String]) -> Vec<String> {
    let mut seen: HashSet<String> = before.iter().cloned().collect();
    let mut order = Vec::new();
    visit(entry.to_owned(), files, &mut seen, &mut order);
    order
}

/// Appends a module that has not been seen, after the modules that it imports.
fn visit(name: String, files: &[File], seen: &mut HashSet<String>, order: &mut Vec<String>) {
    let Some(file) = files.iter().find(|file| file.name == name) else {
        return;
    };
    if !seen.insert(name.clone()) {
        return;
    }
    for import in imports(&String::from_utf8_lossy(&file.bytes)) {
        visit(resolved(&name, import), files, seen, order);
    }
    order.push(name);
}

/// The addresses in a module's `import` lines, such as `./base/dom.js`.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().filter(|line| line.starts_with("import "));
    lines.filter_map(|line| line.split('"').nth(1))
}

/// The name of the file that `address`, relative to the file `from`, leads to.
fn resolved(from: &str, address: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in address.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &'static str, text: &'static str) -> File {
        File {
            name: name.into(),
            content_type: "text/javascript",
            bytes: text.into(),
        }
    }

    #[test]
    fn each_module_comes_once_and_after_those_that_it_imports() {
        let files = [
            file("js/base/dom.js", "export const a = 1;\n"),
            file("js/first.js", "import { link } from \"./link/link.js\";\n"),
            file("js/link/link.js", "import { a } from \"../base/dom.js\";\n"),
            file(
                "js/main.js",
                "import { b } from \"./first.js\";\nimport { c } from \"./plot/c.js\";\nconst text = \"./no.js\";\n",
            ),
            file("js/plot/c.js", "import { a } from \"../base/dom.js\";\n"),
        ];
        let first = needed_by("js/first.js", &files, &[]);
        assert_eq!(first, ["js/base/dom.js", "js/link/link.js", "js/first.js"]);
        let rest = needed_by("js/main.js", &files, &first);
        assert_eq!(rest, ["js/plot/c.js", "js/main.js"]);
    }
}
