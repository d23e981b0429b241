//! Throws of what may be no error. Such a value has no stack, so the SDK notes the place as it is thrown:
//! `throw x` becomes `throw __baton_thrown(x)`, which gives back what it is given.

use oxc_allocator::{Allocator, TakeIn, Vec};
use oxc_ast::ast::{Argument, Expression, Program, ThrowStatement};
use oxc_ast::builder::AstBuilder;
use oxc_ast_visit::{VisitMut, walk_mut};

/// What the SDK calls it.
const THROWN: &str = "__baton_thrown";

/// Marks all throws of a compiled file, but for those of what is named an error: `throw new RangeError(…)`.
pub(super) fn mark<'a>(program: &mut Program<'a>, allocator: &'a Allocator) {
    let builder = AstBuilder::new(allocator);
    Marks { builder }.visit_program(program);
}

struct Marks<'a> {
    builder: AstBuilder<'a>,
}

impl<'a> VisitMut<'a> for Marks<'a> {
    fn visit_throw_statement(&mut self, it: &mut ThrowStatement<'a>) {
        walk_mut::walk_throw_statement(self, it);
        if is_error(&it.argument) {
            return;
        }
        let thrown = Argument::from(it.argument.take_in(&self.builder));
        let callee = Expression::new_identifier(it.span, THROWN, &self.builder);
        let arguments = Vec::from_value_in(thrown, &self.builder);
        it.argument =
            Expression::new_call_expression(it.span, callee, None, arguments, false, &self.builder);
    }
}

fn is_error(thrown: &Expression<'_>) -> bool {
    let Expression::NewExpression(made) = thrown else {
        return false;
    };
    matches!(&made.callee, Expression::Identifier(class) if class.name.ends_with("Error"))
}
