//! Strips source files of whole-line comments and of indentation, which are a third of the page's bytes. Lines keep
//! their numbers, so that an error in a browser names the line of the file in `frontend/`.

/// The file without whole-line comments and without indentation. Lines within a JavaScript template stay as they are.
pub fn slim(source: &str) -> String {
    let mut slim = String::with_capacity(source.len());
    let mut inside = Inside::Code;
    for line in source.lines() {
        let kept = inside.keep(line);
        slim.push_str(kept);
        slim.push('\n');
    }
    slim
}

/// The kind of text that a line begins in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Code,
    Comment,
    /// Between two backticks.
    Template,
}

impl Inside {
    /// Returns the part of the line that stays, and becomes the kind of text that the next line begins in.
    fn keep<'a>(&mut self, line: &'a str) -> &'a str {
        let code = match self {
            Inside::Template => line,
            Inside::Comment => match line.split_once("*/") {
                Some((_, code)) => code.trim_start(),
                None => return "",
            },
            Inside::Code => line.trim_start(),
        };
        if *self != Inside::Template && code.starts_with("//") {
            *self = Inside::Code;
            return "";
        }
        if *self != Inside::Template && code.starts_with("/*") {
            *self = Inside::Comment;
            // The opening is skipped, because `/*/` does not close the comment that it opens.
            return self.keep(&code[2..]);
        }
        let is_template = *self == Inside::Template;
        *self = match is_template != (code.matches('`').count() % 2 == 1) {
            true => Inside::Template,
            false => Inside::Code,
        };
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_that_fill_lines_and_indentation_go_and_lines_keep_their_numbers() {
        let source = "// Says what it is.\n\n/**\n * Adds.\n * @param {number} one\n */\nfunction add(one) {\n  // One more.\n  return one + 1; // not alone\n}\n";
        let slim = slim(source);
        assert_eq!(
            slim,
            "\n\n\n\n\n\nfunction add(one) {\n\nreturn one + 1; // not alone\n}\n"
        );
        assert_eq!(slim.lines().count(), source.lines().count());
    }

    #[test]
    fn what_stands_after_a_comment_stays() {
        assert_eq!(slim("  /** @type {A} */ let a;\n"), "let a;\n");
        assert_eq!(slim("/* one\n   two */ b\n"), "\nb\n");
        assert_eq!(slim("/* one */ /* two */ c\n"), "c\n");
        assert_eq!(slim("const u = a * b; /* x\n"), "const u = a * b; /* x\n");
        assert_eq!(
            slim(".a { color: red; } /* red */\n"),
            ".a { color: red; } /* red */\n"
        );
    }

    #[test]
    fn templates_stay_as_they_are() {
        let source = "const shader = `\n  // within\n  /* too */ void main() {}\n`;\n// after\n";
        assert_eq!(
            slim(source),
            "const shader = `\n  // within\n  /* too */ void main() {}\n`;\n\n"
        );
        assert_eq!(slim("a(`${b}`);\n  // gone\n"), "a(`${b}`);\n\n");
    }
}
