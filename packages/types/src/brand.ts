declare const brand: unique symbol;

/** A value of type `Base` that one named function has checked. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
