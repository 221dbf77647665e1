//! Writes what a module consists of with the numbers of the one module.

use wasm_encoder as enc;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasmparser::Operator;

use super::Unlinkable;
use super::module::{Constant, LinkedGlobal, Numbers, at};

/// Rewrites one of the modules.
pub(super) struct BodyWriter<'a> {
    pub(super) numbers: &'a Numbers,
    pub(super) globals: &'a [LinkedGlobal],
    pub(super) n_imports: u32,
}

impl BodyWriter<'_> {
    fn global(&self, index: u32) -> Result<&LinkedGlobal, Error<Unlinkable>> {
        let number = at(&self.numbers.globals, index).map_err(Error::UserError)?;
        Ok(&self.globals[number as usize])
    }
}

impl Reencode for BodyWriter<'_> {
    type Error = Unlinkable;

    fn data_index(&mut self, data: u32) -> Result<u32, Error<Unlinkable>> {
        Ok(self.numbers.first_data + data)
    }

    fn element_index(&mut self, element: u32) -> Result<u32, Error<Unlinkable>> {
        Ok(self.numbers.first_element + element)
    }

    fn function_index(&mut self, func: u32) -> Result<u32, Error<Unlinkable>> {
        let number = at(&self.numbers.funcs, func).map_err(Error::UserError)?;
        Ok(number.after(self.n_imports))
    }

    fn global_index(&mut self, global: u32) -> Result<u32, Error<Unlinkable>> {
        Ok(self.global(global)?.number)
    }

    fn memory_index(&mut self, memory: u32) -> Result<u32, Error<Unlinkable>> {
        at(&self.numbers.memories, memory).map_err(Error::UserError)
    }

    fn table_index(&mut self, table: u32) -> Result<u32, Error<Unlinkable>> {
        at(&self.numbers.tables, table).map_err(Error::UserError)
    }

    fn type_index(&mut self, ty: u32) -> Result<u32, Error<Unlinkable>> {
        at(&self.numbers.types, ty).map_err(Error::UserError)
    }

    /// Has the value of a global in the place of reading it, if it is always the same.
    fn instruction<'a>(
        &mut self,
        operator: Operator<'a>,
    ) -> Result<enc::Instruction<'a>, Error<Unlinkable>> {
        if let Operator::GlobalGet { global_index } = operator {
            match self.global(global_index)?.constant() {
                Some(Constant::I32(value)) => return Ok(enc::Instruction::I32Const(value)),
                Some(Constant::I64(value)) => return Ok(enc::Instruction::I64Const(value)),
                None => {}
            }
        }
        utils::instruction(self, operator)
    }
}
