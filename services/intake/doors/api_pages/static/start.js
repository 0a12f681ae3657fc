// Shows the interface, and lets nobody call it from the page: there is no "try it out", and no place to type a token into.
window.addEventListener("load", () => {
  const nothing = () => () => null;
  window.SwaggerUIBundle({
    url: "/schema/openapi.json",
    dom_id: "#interface",
    supportedSubmitMethods: [],
    validatorUrl: null,
    queryConfigEnabled: false,
    deepLinking: true,
    plugins: [() => ({ wrapComponents: { authorizeBtn: nothing, authorizeOperationBtn: nothing } })],
  });
});
