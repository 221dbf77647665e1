//! The component around the one module.

use std::collections::{BTreeSet, HashMap};

use wasm_encoder as enc;
use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent};
use wasmparser::{CanonicalFunction, ComponentAlias, ExternalKind, Instance, Parser, Payload};

use super::Unlinkable;
use super::graph::{CoreInstance, Graph, Item, Kind, Origin, uses};
use super::module::{IMPORTS, LinkedModule, next};

/// Returns the component with the one module in the place of those of the members. It stands before
/// what first needs it.
pub(super) fn rewrite(
    component: &[u8],
    graph: &Graph<'_>,
    members: &BTreeSet<u32>,
    module: &LinkedModule,
) -> Result<Vec<u8>, Unlinkable> {
    let mut rewriter = Rewriter {
        graph,
        members,
        module,
        used: graph.used_outside(members),
        written: enc::Component::new(),
        modules: HashMap::new(),
        instances: HashMap::new(),
        items: HashMap::new(),
        n_modules: 0,
        n_instances: 0,
        n_items: HashMap::new(),
        seen: Seen::default(),
        is_put: false,
    };
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        let is_outer = depth == 0;
        match &payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if is_outer {
            rewriter.take(component, payload)?;
        }
    }
    Ok(rewriter.written.finish())
}

/// How many of what has been read.
#[derive(Default)]
struct Seen {
    modules: u32,
    instances: u32,
    items: HashMap<Kind, u32>,
}

struct Rewriter<'a> {
    graph: &'a Graph<'a>,
    members: &'a BTreeSet<u32>,
    module: &'a LinkedModule,
    /// Instances of which something beside the members is made.
    used: BTreeSet<u32>,
    written: enc::Component,
    /// The new numbers of what is left.
    modules: HashMap<u32, u32>,
    instances: HashMap<u32, u32>,
    items: HashMap<Item, u32>,
    /// How many are written.
    n_modules: u32,
    n_instances: u32,
    n_items: HashMap<Kind, u32>,
    seen: Seen,
    is_put: bool,
}

impl<'a> Rewriter<'a> {
    fn take(&mut self, component: &[u8], payload: Payload<'_>) -> Result<(), Unlinkable> {
        match payload {
            Payload::ModuleSection {
                unchecked_range, ..
            } => {
                let module = next(&mut self.seen.modules);
                if !self.is_linked(module) {
                    let number = next(&mut self.n_modules);
                    self.modules.insert(module, number);
                    self.raw(0x01, &component[unchecked_range]);
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    self.instance(instance?)?;
                }
            }
            Payload::ComponentAliasSection(section) => {
                let mut aliases = enc::ComponentAliasSection::new();
                for alias in section {
                    self.alias(&mut aliases, alias?)?;
                }
                if !aliases.is_empty() {
                    self.written.section(&aliases);
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    self.canonical(function?)?;
                }
            }
            // Its numbers would be wrong.
            Payload::CustomSection(section) if section.name() == "component-name" => {}
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    self.raw(id, &component[range]);
                }
            }
        }
        Ok(())
    }

    fn raw(&mut self, id: u8, data: &[u8]) {
        self.written.section(&enc::RawSection { id, data });
    }

    fn is_linked(&self, module: u32) -> bool {
        let mut instances = self.members.iter();
        instances.any(|index| match &self.graph.instances[*index as usize] {
            CoreInstance::Of { module: of, .. } => *of == module,
            CoreInstance::Items(_) => false,
        })
    }

    fn see(&mut self, kind: Kind) -> Item {
        (kind, next(self.seen.items.entry(kind).or_default()))
    }

    /// Gives an item the next number of its kind.
    fn number(&mut self, item: Item) {
        let number = next(self.n_items.entry(item.0).or_default());
        self.items.insert(item, number);
    }

    fn instance(&mut self, instance: Instance<'_>) -> Result<(), Unlinkable> {
        let index = next(&mut self.seen.instances);
        match &self.graph.instances[index as usize] {
            CoreInstance::Of { .. } if self.members.contains(&index) => return Ok(()),
            CoreInstance::Items(_) if !self.used.contains(&index) => return Ok(()),
            CoreInstance::Items(items) => self.put_module_before(items.values())?,
            CoreInstance::Of { .. } => {}
        }
        let mut section = enc::InstanceSection::new();
        self.parse_instance(&mut section, instance)?;
        self.written.section(&section);
        let number = next(&mut self.n_instances);
        self.instances.insert(index, number);
        Ok(())
    }

    fn canonical(&mut self, function: CanonicalFunction) -> Result<(), Unlinkable> {
        let is_lifted = matches!(function, CanonicalFunction::Lift { .. });
        self.put_module_before(&uses(&function)?)?;
        let mut functions = enc::CanonicalFunctionSection::new();
        self.parse_component_canonical(&mut functions, function)?;
        self.written.section(&functions);
        if !is_lifted {
            let item = self.see(Kind::Func);
            self.number(item);
        }
        Ok(())
    }

    /// Writes the module, if one of these items is of it and it is not written yet.
    fn put_module_before<'i>(
        &mut self,
        items: impl IntoIterator<Item = &'i Item>,
    ) -> Result<(), Unlinkable> {
        let exports = &self.module.exports;
        if !self.is_put && items.into_iter().any(|item| exports.contains_key(item)) {
            self.put_module()?;
        }
        Ok(())
    }

    /// Writes the module, its instance, and names for what it exports.
    fn put_module(&mut self) -> Result<(), Unlinkable> {
        self.is_put = true;
        self.written
            .section(&enc::ModuleSection(&self.module.bytes));
        let number = next(&mut self.n_modules);
        let (first, linked) = (next(&mut self.n_instances), next(&mut self.n_instances));
        let mut instances = enc::InstanceSection::new();
        let mut imports = Vec::new();
        for (name, func) in self.module.imports.iter().enumerate() {
            let func = self.item((Kind::Func, *func))?;
            imports.push((name.to_string(), enc::ExportKind::Func, func));
        }
        instances.export_items(imports);
        instances.instantiate(number, [(IMPORTS, enc::ModuleArg::Instance(first))]);
        self.written.section(&instances);
        let mut aliases = enc::ComponentAliasSection::new();
        for (item, name) in &self.module.exports {
            aliases.alias(enc::Alias::CoreInstanceExport {
                instance: linked,
                kind: match item.0 {
                    Kind::Func => enc::ExportKind::Func,
                    Kind::Table => enc::ExportKind::Table,
                    Kind::Memory => enc::ExportKind::Memory,
                    Kind::Global => enc::ExportKind::Global,
                },
                name,
            });
            self.number(*item);
        }
        self.written.section(&aliases);
        Ok(())
    }

    fn alias(
        &mut self,
        aliases: &mut enc::ComponentAliasSection,
        alias: ComponentAlias<'_>,
    ) -> Result<(), Unlinkable> {
        if let ComponentAlias::CoreInstanceExport {
            kind,
            instance_index,
            ..
        } = alias
        {
            let item = self.see(Kind::of(kind)?);
            let of_module = matches!(
                self.graph.origin(item)?,
                Origin::Export(instance, _) if self.members.contains(&instance)
            );
            // The module names those itself which anybody needs.
            if of_module || !self.instances.contains_key(&instance_index) {
                return Ok(());
            }
            self.number(item);
        }
        aliases.alias(self.component_alias(alias)?);
        Ok(())
    }

    fn item(&self, item: Item) -> Result<u32, Unlinkable> {
        let number = self.items.get(&item).copied();
        number.ok_or(Unlinkable::Unknown("something is used before it is made"))
    }

    fn number_of(&self, kind: Kind, index: u32) -> Result<u32, Error<Unlinkable>> {
        self.item((kind, index)).map_err(Error::UserError)
    }
}

impl Reencode for Rewriter<'_> {
    type Error = Unlinkable;

    fn function_index(&mut self, index: u32) -> Result<u32, Error<Unlinkable>> {
        self.number_of(Kind::Func, index)
    }

    fn table_index(&mut self, index: u32) -> Result<u32, Error<Unlinkable>> {
        self.number_of(Kind::Table, index)
    }

    fn memory_index(&mut self, index: u32) -> Result<u32, Error<Unlinkable>> {
        self.number_of(Kind::Memory, index)
    }

    fn global_index(&mut self, index: u32) -> Result<u32, Error<Unlinkable>> {
        self.number_of(Kind::Global, index)
    }

    fn external_index(&mut self, kind: ExternalKind, index: u32) -> Result<u32, Error<Unlinkable>> {
        let kind = Kind::of(kind).map_err(Error::UserError)?;
        self.number_of(kind, index)
    }
}

impl ReencodeComponent for Rewriter<'_> {
    fn module_index(&mut self, module: u32) -> u32 {
        self.modules.get(&module).copied().unwrap_or(u32::MAX)
    }

    fn instance_index(&mut self, instance: u32) -> u32 {
        self.instances.get(&instance).copied().unwrap_or(u32::MAX)
    }
}
